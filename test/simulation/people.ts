import { z } from 'zod';
import { decide, showApproval } from '../../shared/flows/approve.ts';
import { operate } from '../../shared/flows/operate.ts';
import { after, instant, minutes, seconds, toIso } from '../../shared/core/time.ts';
import { dataOf } from '../../sandbox/world/broker-message.ts';
import type { Chance } from '../../sandbox/world/kernel.ts';
import { OPERATOR } from '../../sandbox/world/reference-system.ts';
import type { Functions, Postman } from './functions.ts';
import type { Habit, Operation } from './plot.ts';
import type { Stage } from './stage.ts';
import { chancePort, clockPort } from './virtual.ts';

// People: those who get links and press buttons, early, late, twice or never, and operators.
//
// P1. What somebody pressed is written down when they press it: the button is what they meant, whatever the token behind it says.
// P2. They open the page and post its form as a browser does, and try again when nothing comes back.

/** Tries of one person whose page does not come. */
const TRIES = 5;

/** When somebody answers, counted from the message, and what. */
type Answer = readonly [number, 'approve' | 'deny' | 'forge'];

function answersOf(habit: Habit, chance: Chance): readonly Answer[] {
  const soon = (): number => seconds(chance.between(5, 60));
  switch (habit) {
    case 'quick':
      return [[soon(), 'approve']];
    case 'slow':
      return [[seconds(chance.between(60, 800)), 'approve']];
    case 'never':
      return [];
    case 'denies':
      return [[seconds(chance.between(5, 400)), 'deny']];
    case 'approvesThenDenies':
      return [
        [soon(), 'approve'],
        [seconds(chance.between(5, 200)), 'deny'],
      ];
    case 'deniesThenApproves':
      return [
        [soon(), 'deny'],
        [seconds(chance.between(60, 200)), 'approve'],
      ];
    case 'twice':
      return [
        [seconds(20), 'approve'],
        [seconds(20), 'approve'],
        [minutes(5), 'approve'],
      ];
    case 'late':
      return [[minutes(chance.between(14, 20)), 'approve']];
    case 'forges':
      return [[soon(), 'forge']];
  }
}

const claimsWire = z.object({
  sub: z.string(),
  incident: z.string(),
  approval: z.string(),
  planDigest: z.string(),
});

const aboutWire = z.object({ incident: z.string(), notice: z.string() });

const BREACH_PLANS_MAX = 2;

/** Everybody outside. */
export class People {
  readonly #stage: () => Stage;
  readonly #functions: () => Functions;
  /** Answers that somebody is still going to give. */
  #pending = 0;
  #letters = 0;
  /** Breach plans that a person was asked about, by destination and incident. */
  readonly #breaches = new Map<string, Set<string>>();

  constructor(stage: () => Stage, functions: () => Functions) {
    this.#stage = stage;
    this.#functions = functions;
  }

  /** Whether somebody is still going to press something. */
  get isBusy(): boolean {
    return this.#pending > 0;
  }

  /** Brings a notice to its destination, and lets its person do what is their habit. */
  readonly postman: Postman = async (destination, { subject, link, data }) => {
    const { chance, clock, plot, witness } = this.#stage();
    const isDead = plot.deadDestinations.includes(destination) && clock.now() < this.#calmAt();
    if (isDead) return { delivered: false, detail: 'nobody listens' };
    const about = aboutWire.parse(data);
    witness.pages.push({ at: instant(clock.now()), destination, subject, ...about });
    const habit = plot.habits[destination];
    if (link === undefined || habit === undefined) return { delivered: true, detail: 'ok' };
    if (subject.startsWith('Approve breach-response') && this.#hasHadEnough(destination, about))
      return { delivered: true, detail: 'ok' };
    this.#letters += 1;
    for (const [wait, what] of answersOf(habit, chance.fork(`letter ${this.#letters}`))) {
      // Whoever is always too late is asked again and again: nobody waits for them to come to an end.
      const counts = habit === 'late' ? 0 : 1;
      this.#pending += counts;
      clock.schedule(after(clock.now(), wait), () => {
        void this.#answer(link, what).finally(() => {
          this.#pending -= counts;
        });
      });
    }
    return { delivered: true, detail: 'ok' };
  };

  /** Whoever has approved a breach plan twice in vain looks into it; a person who went on for ever would keep the incident going. */
  #hasHadEnough(destination: string, { incident, notice }: z.infer<typeof aboutWire>): boolean {
    const key = `${destination} ${incident}`;
    const asked = (this.#breaches.get(key) ?? new Set()).add(notice);
    this.#breaches.set(key, asked);
    return asked.size > BREACH_PLANS_MAX;
  }

  /** An operator does something: by a message that anybody could send, or signed in. */
  async operate(operation: Operation): Promise<void> {
    const { chronicle } = this.#stage();
    const incident = chronicle.open()?.id;
    const { verb } = operation;
    const needsIncident = verb !== 'stop' && verb !== 'release' && verb !== 'mode' && verb !== 'start';
    if (needsIncident && incident === undefined) return;
    const reason = 'simulated';
    if (operation.by === 'command') return this.#command(operation, incident);
    await this.#patiently(async (process) => {
      const body =
        operation.verb === 'mode'
          ? { verb, runbook: 'database-failover', mode: operation.mode, reason }
          : operation.verb === 'accept'
            ? { verb, incident, wall: operation.wall, reason }
            : operation.verb === 'acknowledge'
              ? { verb, incident, step: operation.step, reason }
              : needsIncident
                ? { verb, incident, reason }
                : { verb, reason };
      const answer = await operate({ idToken: 'oncall@coditect.ai', body }, this.#functions().approveHome(process));
      if (answer.status === 400 || answer.status === 401 || answer.status === 403)
        throw new Error(`an operator was refused: ${JSON.stringify(answer)}`);
    });
  }

  #calmAt(): number {
    const { plot, world } = this.#stage();
    return world.startedAt + plot.faultsUntilMs;
  }

  #command(operation: Extract<Operation, { by: 'command' }>, incident: string | undefined): void {
    const { verb } = operation;
    const { chance, clock, pubsub } = this.#stage();
    const text = JSON.stringify({
      kind: 'dr.command',
      version: 1,
      command: verb,
      ...(operation.verb === 'start'
        ? {
            runbook: operation.runbook ?? 'database-failover',
            ...(operation.target === undefined ? {} : { target: operation.target }),
            ...(operation.isolate === undefined ? {} : { isolate: operation.isolate }),
            ...(operation.momentAgoMs === undefined
              ? {}
              : { moment: toIso(after(clock.now(), -operation.momentAgoMs)) }),
          }
        : verb === 'stop'
          ? {}
          : { incident }),
      reason: 'simulated',
      requestedBy: 'somebody',
      requestId: chancePort(chance.fork(`command ${clock.now()}`)).uuid(),
      expiresAt: toIso(after(clock.now(), minutes(15))),
    });
    pubsub.publish({ principal: OPERATOR, from: 'internet' }, 'dr-commands', [{ data: dataOf(text), attributes: {} }]);
  }

  async #answer(link: string, what: 'approve' | 'deny' | 'forge'): Promise<void> {
    const { keys, witness, clock } = this.#stage();
    const url = new URL(link);
    const opaque = url.pathname.split('/').at(-1) ?? '';
    const own = new URLSearchParams(url.hash.slice(1)).get(what === 'deny' ? 'd' : 'a') ?? '';
    const claims = claimsWire.parse(JSON.parse(Buffer.from(own.split('.')[1] ?? '', 'base64url').toString()));
    const token =
      what === 'forge'
        ? await keys.stranger.sign({
            ...claims,
            decision: 'approve',
            approver: claims.sub,
            evidenceDigest: '',
            lossBoundMs: null,
            tokenId: 'forged',
            expiresAt: after(clock.now(), minutes(15)),
          })
        : own;
    witness.votes.push({
      at: instant(clock.now()),
      approver: claims.sub,
      incident: claims.incident,
      approval: claims.approval,
      planDigest: claims.planDigest,
      decision: what === 'deny' ? 'deny' : 'approve',
      token,
      isGenuine: what !== 'forge',
    });
    await this.#patiently(async (process) => {
      const home = this.#functions().approveHome(process);
      const page = await showApproval(opaque, home);
      const nonce = /name="nonce" value="([^"]*)"/.exec(page.body)?.[1] ?? '';
      await decide({ opaque, token, nonce, identity: undefined }, home);
    });
  }

  /** Tries again when nothing comes back (P2). */
  async #patiently(work: Parameters<Functions['call']>[1]): Promise<void> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      if (await this.#functions().call('approve', work)) return;
      await clockPort(this.#stage().clock).sleep(seconds(10));
    }
  }
}
