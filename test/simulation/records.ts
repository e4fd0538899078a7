import { balances } from '../../sandbox/world/broker-delivery.ts';
import { REFERENCE } from '../../sandbox/world/reference-system.ts';
import { replay } from '../../shared/incident/evolve.ts';
import { verifyChain } from '../../shared/log/verify.ts';
import { parseAlert } from '../../shared/signals/alert.ts';
import { type Invariant, isForged } from './judged.ts';

// Never lose an event, and write down what is true.

/** Topics whose messages somebody else sent: nobody makes up for one that is lost. */
const SIGNALS = new Set(['dr-alerts', 'dr-commands']);

export const RECORDS: Readonly<Record<string, Invariant>> = {
  'R1 no accepted message is lost': ({ ledger }) =>
    ledger.filter((row) => !balances(row)).map((row) => `${row.subscription} does not balance: ${JSON.stringify(row)}`),
  'R1 no signal becomes a dead letter': ({ ledger }) =>
    ledger
      .filter(({ subscription, deadLettered }) => SIGNALS.has(subscription) && deadLettered > 0)
      .map(({ subscription, deadLettered }) => `${deadLettered} of ${subscription}`),
  'R1 every alert stands in a log': (run) => {
    if (!run.isQuiet) return [];
    const keys = new Set(
      run.incidents.flatMap(({ events }) =>
        events.flatMap((event) => (event.kind === 'signalsAbsorbed' ? event.data.signals.map(({ key }) => key) : [])),
      ),
    );
    return run.witness.alerts.flatMap((text) => {
      const alert = parseAlert(JSON.parse(text));
      return !alert.ok || keys.has(alert.value.dedupeKey) ? [] : [`${alert.value.dedupeKey} is in none`];
    });
  },
  'R1 a signal stands in one log, and once': ({ incidents }) => {
    const keys = incidents.flatMap(({ events }) =>
      events.flatMap((event) => (event.kind === 'signalsAbsorbed' ? event.data.signals.map(({ key }) => key) : [])),
    );
    const twice = new Set(keys.filter((key, index) => keys.indexOf(key) !== index));
    return [...twice].map((key) => `${key} was absorbed ${keys.filter((other) => other === key).length} times`);
  },
  'R2 chains verify, up to the head and with every anchor': (run) =>
    run.incidents.flatMap(({ state, records, head, anchors }) => {
      const verdict = verifyChain(records, { incident: state.id, head, anchors });
      return verdict.kind === 'sound' ? [] : [`${state.id}: ${verdict.because} at ${verdict.atSequence}`];
    }),
  'R2 logs replay to the same state': (run) =>
    run.incidents.flatMap(({ state, events }) => {
      const replayed = replay(state.id, events);
      return replayed !== undefined && shown(replayed) === shown(state) ? [] : [`${state.id} replays to another state`];
    }),
  'R3 the password stands nowhere': ({ kept, stage, witness }) => {
    const url = stage.world.secrets.readSecret(REFERENCE.databaseSecret) ?? '';
    const password = URL.canParse(url) ? new URL(url).password : '';
    const isIn = (text: string): boolean => password !== '' && text.includes(password);
    return [
      ...(isIn(kept) ? ['it stands in the store'] : []),
      ...(isIn(JSON.stringify([witness.pages, witness.notes])) ? ['it stands in a notice or a log line'] : []),
    ];
  },
  'R4 no flow ends with a bug': (run) =>
    run.witness.bugs.filter(() => !run.incidents.some((incident) => isForged(run, incident))),
};

/** Maps and all. */
const shown = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (part instanceof Map ? [...part] : part));
