import type { Delivery } from '../ports/messages.ts';

/** Prints notices for people at a terminal. `write` gets whole lines. */
export function createTerminalDelivery(write: (text: string) => void): Delivery {
  return {
    deliver: (destination, { subject, text, link }) => {
      const body = text.split('\n').map((line) => `    ${line}`.trimEnd());
      write([`[${destination}] ${subject}`, ...body, ...(link === undefined ? [] : [`    ${link}`]), ''].join('\n'));
      return Promise.resolve({ delivered: true, detail: 'printed' });
    },
  };
}
