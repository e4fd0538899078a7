import { millis, showDuration } from '../shared/core/time.ts';
import { paint } from './paint.ts';
import type { StoryEvent } from './play.ts';

/** Longest line of a live timeline; what is longer stands whole in `./dr show`. */
const WIDTH = 190;

/** One event of a story, for people. */
export function showStory(event: StoryEvent): string {
  switch (event.kind) {
    case 'story':
      return `\n━━ ${event.runbook}: ${event.title}\n`;
    case 'broken':
      return `        ${paint('bad', `break ${event.fault} (${event.target})`)}`;
    case 'line':
      return `${event.since}  ${paint(event.tone, short(event.text))}`;
    case 'person':
      return `        ${paint('person', `☎ ${event.person} ${short(event.text)}`)}`;
    case 'measured':
      return `\n   measured in clock time: ${Object.entries(event.measures)
        .flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${showDuration(millis(ms))}`]))
        .join(', ')}\n   wall time of the story: ${showDuration(millis(event.wallMs))}`;
    case 'check':
      return `   ${event.check.held ? paint('good', '✓') : paint('bad', '✗')} ${event.check.name} (${event.check.figure})`;
    case 'end':
      return event.held ? paint('good', '\n   Every verification held.') : paint('bad', '\n   A verification failed.');
  }
}

const short = (text: string): string => (text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text);
