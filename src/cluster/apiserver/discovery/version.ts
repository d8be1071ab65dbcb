/** The version of Kubernetes whose API this is. */
export const KUBERNETES_VERSION = {
  major: '1', minor: '35', gitVersion: 'v1.35.2', gitCommit: '', gitTreeState: 'clean', buildDate: '2026-02-26T00:00:00Z',
  goVersion: '', compiler: 'node', platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
} as const;
