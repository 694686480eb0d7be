/** What a check of the doctor comes to. Invariant: whatever is not 'ok' says what to do about it. */

export type FindingId =
  | 'node'
  | 'binary'
  | 'interfaces'
  | 'ports'
  | 'stun'
  | 'nat'
  | 'turn'
  | 'self-call'
  | 'latency'
  | 'quality';

interface Checked {
  id: FindingId;
  /** One line, in plain words. */
  says: string;
  /** Figures, for programs. */
  data?: Record<string, unknown>;
}

export type Finding =
  | (Checked & { status: 'ok' | 'skipped' })
  | (Checked & {
      /** 'warning': calls may work; 'failure': they will not. */
      status: 'warning' | 'failure';
      advice: string;
    });
