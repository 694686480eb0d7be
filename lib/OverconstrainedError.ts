/** OverconstrainedError (mediacapture-main §10.2): which constraint no device can meet. */
import { constructing, DOMString, requireArguments } from './webidl/converters';
import { defineInterface } from './webidl/interface';

export class OverconstrainedError extends globalThis.DOMException {
  readonly #constraint: string;

  constructor(constraint: string, message = '') {
    requireArguments(arguments.length, 1, constructing('OverconstrainedError'));
    super(message, 'OverconstrainedError');
    this.#constraint = DOMString(constraint, `${constructing('OverconstrainedError')} parameter 1`);
  }

  get constraint(): string {
    return this.#constraint;
  }
}
defineInterface(OverconstrainedError, 'OverconstrainedError');
