/** `proxy sidecar|router` as a process: signals, exit codes, the last word. */
import { writeFileSync } from 'node:fs';
import { errorText } from '../base/errors.ts';
import { loadSettings } from '../proxy/bootstrap/load-settings.ts';
import { createAgent, type Agent } from './app.ts';
import { readEnvoyOptions } from './envoy-options.ts';

export async function runAgent(argv: readonly string[]): Promise<void> {
  let agent: Agent;
  let isEnding = false;
  const end = (): void => {
    // Asked twice: at once.
    if (isEnding) process.exit(0);
    isEnding = true;
    // The pod's grace period is the only deadline: the kubelet ends what takes longer.
    void agent.drain().then(() => agent.close()).finally(() => process.exit(0));
  };
  const onGivenUp = (code: number): void => {
    void agent.close().finally(() => fail('Envoy does not stay up; its own log says why', code === 0 ? 1 : code));
  };
  try {
    const settings = await loadSettings(argv, process.env);
    agent = createAgent({ settings, envoy: readEnvoyOptions(argv, process.env, settings), onQuit: end, onGivenUp });
  } catch (error) {
    return fail(errorText(error), 2);
  }
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  try {
    await agent.start();
  } catch (error) {
    await agent.close();
    fail(`the proxy cannot start: ${errorText(error)}`, 1);
  }
}

/** Said where people look: in the log, and in the container's status. */
function fail(reason: string, code: number): never {
  process.stderr.write(`${reason}\n`);
  try {
    // Only where a kubelet has put it.
    writeFileSync('/dev/termination-log', reason, { flag: 'r+' });
  } catch {
    // The log has it.
  }
  process.exit(code);
}
