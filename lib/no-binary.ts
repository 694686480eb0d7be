/**
 * Why no binary loads. The loader tries one place after the other and makes each error the cause of the next; the outermost
 * gives advice that is not ours.
 */
import { arch, platform } from 'node:process';

export function whyNoBinary(error: unknown): string {
  for (let at = error as Error | undefined; at; at = at.cause as Error | undefined)
    if (!/^Cannot find (module|native binding)\b/.test(at.message)) return at.message.split('\n', 1)[0] as string;
  return `no binary for ${platform}-${arch} is installed`;
}
