import { Command } from 'commander';
export function pushCommand(): Command { return new Command('push'); }
