/** What a transform sends to its worker: an object with this one member, { detour, options }. */
export const TRANSFORM_MESSAGE = 'webphone-rtc:rtctransform';
