import { type FlowHome, summarise } from '../../shared/flows/flow-home.ts';
import { event } from '../../shared/incident/events.ts';
import { beginJournal, type Journal } from '../../shared/log/journal.ts';
import { incidentId } from '../../shared/system/names.ts';

/** An open incident about an application of that name. */
export async function planted(home: FlowHome, name: string): Promise<Journal> {
  const opened = event('opened', {
    dedupeKey: name,
    source: 'alert',
    target: `application/${name}`,
    runbook: null,
    headline: name,
    drill: false,
  });
  return await beginJournal(incidentId(`inc-${name}`), [opened], { ...home, summarise: summarise(home) });
}
