import { Hono } from 'hono';
import type { CheckpointRecord, CheckpointStore } from '../checkpoints/index.ts';
import type { Pod } from '../cluster/index.ts';
import type { AgentRegistry, ConnectedAgent } from '../gateway/index.ts';

/** What `wigeon agents` prints: GET /wigeon/agents. */
export interface AgentList {
  readonly items: readonly (ConnectedAgent & { readonly draining: boolean })[];
}

/** What `wigeon drain` prints: POST /wigeon/agents/ID/drain. */
export interface DrainResult {
  readonly moved: number;
  /** Containers that cannot be suspended, and end with the agent. */
  readonly staying: number;
}

/** What `wigeon checkpoint` prints: GET (what there is) or POST (take one first) /wigeon/checkpoints/NAMESPACE/POD. */
export interface CheckpointList {
  readonly items: readonly (CheckpointRecord & { readonly container: string; readonly ageSeconds: number })[];
}

export interface OperationsOptions {
  readonly agents: AgentRegistry;
  readonly checkpoints: CheckpointStore;
  readonly findPod: (namespace: string, name: string) => Pod | undefined;
  /** Takes a checkpoint of each container of the pod that runs; resolves when they are stored. */
  readonly takeCheckpoint: (uid: string) => Promise<number>;
}

/** The operator's routes on the kubelet port, below `/wigeon`; open to whom the port is open to. */
export function operations({ agents, checkpoints, findPod, takeCheckpoint }: OperationsOptions): Hono {
  const app = new Hono();
  app.get('/agents', (context) => {
    const items = agents.connected().map((agent) => ({ ...agent, draining: agents.isDraining(agent.id) }));
    return context.json({ items } satisfies AgentList);
  });
  app.post('/agents/:id/drain', async (context) => {
    const result = await agents.drain(context.req.param('id'));
    if (!result) return context.text(`no agent "${context.req.param('id')}"\n`, 404);
    return context.json(result satisfies DrainResult);
  });
  app.on(['GET', 'POST'], '/checkpoints/:namespace/:pod', async (context) => {
    const { namespace, pod: name } = context.req.param();
    const pod = findPod(namespace, name);
    if (!pod) return context.text(`pod "${name}" not found in namespace "${namespace}"\n`, 404);
    const { uid } = pod.metadata;
    if (context.req.method === 'POST' && (await takeCheckpoint(uid)) === 0)
      return context.text(`nothing of pod "${name}" runs that can be suspended\n`, 409);
    const items = [...checkpoints.all()]
      .filter(({ key }) => key.uid === uid)
      .flatMap(({ key, records }) =>
        records.map((record) => ({
          ...record,
          container: key.container,
          ageSeconds: Math.round((Date.now() - Date.parse(record.takenAt)) / 1000),
        })),
      );
    return context.json({ items } satisfies CheckpointList);
  });
  return app;
}
