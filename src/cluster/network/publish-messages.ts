/** What the supervisor tells the publishing process over IPC. A `publish` comes with the listening socket. */
export type PublishMessage =
  | { readonly type: 'publish'; readonly id: string; readonly address: string; readonly port: number }
  /** The service moved: the socket stays, connections from now on go there. */
  | { readonly type: 'retarget'; readonly id: string; readonly address: string; readonly port: number }
  | { readonly type: 'withdraw'; readonly id: string };
