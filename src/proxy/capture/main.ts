/** The init container `istio-init`: redirects the pod's traffic to its sidecar, and ends. */
import { runCapture } from './apply.ts';

const argv = process.argv.slice(2);
process.exitCode = runCapture(argv[0] === 'istio-iptables' ? argv.slice(1) : argv, (line) => process.stderr.write(line));
