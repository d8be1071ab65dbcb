/** Envoy `Http2ProtocolOptions` → limits of a connection, either side. What is not said is as in our own defaults, which are safer than Envoy's. */
import type { Http2ProtocolOptions } from '../../xds/generated/envoy/config/core/v3/protocol_pb.js';
import { DEFAULT_HTTP2_LIMITS, type Http2Limits } from '../../codec/http2/limits.ts';

const DEFAULT_STREAMS = 1024;

export interface Http2Options {
  readonly maxConcurrentStreams: number;
  readonly limits: Pick<Http2Limits, 'streamWindow' | 'connectionWindow' | 'tableBytes' | 'flood'>;
}

export function compileHttp2Options(message: Http2ProtocolOptions | undefined): Http2Options {
  const { streamWindow, connectionWindow, tableBytes, flood } = DEFAULT_HTTP2_LIMITS;
  return {
    maxConcurrentStreams: message?.maxConcurrentStreams ?? DEFAULT_STREAMS,
    limits: {
      streamWindow: message?.initialStreamWindowSize ?? streamWindow,
      connectionWindow: message?.initialConnectionWindowSize ?? connectionWindow,
      tableBytes: message?.hpackTableSize ?? tableBytes,
      flood: {
        ...flood,
        maxOutboundFrames: message?.maxOutboundFrames ?? flood.maxOutboundFrames,
        maxOutboundControlFrames: message?.maxOutboundControlFrames ?? flood.maxOutboundControlFrames,
        maxConsecutiveEmptyFrames: message?.maxConsecutiveInboundFramesWithEmptyPayload ?? flood.maxConsecutiveEmptyFrames,
        maxPriorityFramesPerStream: message?.maxInboundPriorityFramesPerStream ?? flood.maxPriorityFramesPerStream,
        maxWindowUpdatesPerDataFrame: message?.maxInboundWindowUpdateFramesPerDataFrameSent ?? flood.maxWindowUpdatesPerDataFrame,
      },
    },
  };
}
