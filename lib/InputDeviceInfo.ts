/** InputDeviceInfo (mediacapture-main §9.3.1). */
import { MediaDeviceInfo } from './MediaDeviceInfo';
import { capabilitiesOf } from './media/constraints';
import { defineInterface } from './webidl/interface';

export class InputDeviceInfo extends MediaDeviceInfo {
  getCapabilities(): MediaTrackCapabilities {
    return capabilitiesOf(super.kind === 'audioinput' ? 'audio' : 'video', this);
  }
}
defineInterface(InputDeviceInfo, 'InputDeviceInfo');
