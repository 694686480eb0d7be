import WebPhone from 'ringcentral-web-phone';
import { MediaStream, PcmSink, PcmSource, RTCPeerConnection } from 'webphone-rtc';
import { type Internals, startInternals } from 'webphone-rtc/internals';
import { install } from 'webphone-rtc/register';
import { traceConnections } from 'webphone-rtc/tracing';
import { callAudio, webRtcSessionFactory } from 'webphone-rtc/webphone';

export const connection: globalThis.RTCPeerConnection = new RTCPeerConnection({ loopback: true });
export const kinds = async (): Promise<string[]> => [...(await connection.getStats()).values()].map(({ type }) => type);
export const phone = (sipInfo: ConstructorParameters<typeof WebPhone>[0]['sipInfo']): WebPhone =>
  new WebPhone({ sipInfo, webRtcSessionFactory });

const source = new PcmSource({ sampleRate: 16000 });
export const stream = new MediaStream([source.createTrack()]);
export async function talk(call: object): Promise<void> {
  install();
  const { sink, dtmf } = callAudio(call);
  dtmf.send('1#');
  for await (const { samples } of sink) source.write(samples);
  new PcmSink(source.createTrack()).close();
}
export const internals: Promise<Internals> = startInternals({ port: 0, host: '127.0.0.1' });
export const ended: Promise<void> = internals.then((it) => it.close());
// @ts-expect-error: a port is a number
startInternals({ port: '80' });
export const endTracing: () => void = traceConnections();
