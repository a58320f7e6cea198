/** What all connected agents lend together. */
export interface AgentsTotal {
  readonly agents: number;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}
