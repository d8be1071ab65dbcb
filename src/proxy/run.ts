/** `proxy sidecar|router` as a process: signals, exit codes, the last word. */
import { errorText } from '../base/errors.ts';
import { createProxyApp } from './app.ts';
import { loadSettings } from './bootstrap/load-settings.ts';
import type { ProxySettings } from './bootstrap/settings.ts';
import { THREAD_ARGUMENTS } from './threads/thread.ts';
import { runThread } from './threads/thread-main.ts';

export async function runProxy(argv: readonly string[]): Promise<void> {
  if (argv[1] === THREAD_ARGUMENTS[1]) return runThread();
  let settings: ProxySettings;
  try {
    settings = await loadSettings(argv, process.env);
  } catch (error) {
    process.stderr.write(`${errorText(error)}\n`);
    process.exit(2);
  }
  let isEnding = false;
  const end = (): void => {
    // Asked twice: at once.
    if (isEnding) process.exit(0);
    isEnding = true;
    // The pod's grace period is the only deadline: the kubelet ends what takes longer.
    void app.drain().then(() => app.close()).finally(() => process.exit(0));
  };
  const app = createProxyApp({ settings, env: process.env, onQuit: end, onFailed: () => process.exit(1) });
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  try {
    await app.start();
  } catch (error) {
    process.stderr.write(`the proxy cannot start: ${errorText(error)}\n`);
    process.exit(1);
  }
}
