import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BELIEVED } from '../../sandbox/world/assumptions.ts';
import { createVirtualClock } from '../../sandbox/world/clock.ts';
import { createKernel } from '../../sandbox/world/create-kernel.ts';
import { createDnsApi } from '../../sandbox/world/dns-api.ts';
import { createDns } from '../../sandbox/world/dns.ts';
import { instant, seconds } from '../../shared/core/time.ts';

const START = instant(1_767_607_200_000);
const zone = 'coditect-zone';
const name = 'dms-api.coditect.ai.';
const record = (address: string, ttl = 60) => ({ name, type: 'A', ttl, rrdatas: [address] });
const GKE = record('203.0.113.10');
const STANDBY = record('203.0.113.99');

function world(assumptions = BELIEVED) {
  const clock = createVirtualClock(START);
  const kernel = createKernel({ clock, seed: 7 });
  const zones = [{ name: zone, dnsName: 'coditect.ai.', records: [GKE] }];
  const dns = createDns({ clock, chance: kernel.chance, assumptions, zones });
  return { clock, kernel, dns, current: () => dns.records(zone).find(({ type }) => type === 'A') };
}

const refusal = (status: number, reason: string) => expect.objectContaining({ status, reason });

describe('a zone', () => {
  it('is changed as a whole, and a change is done before it is served', () => {
    const { clock, dns, current } = world();

    const { id, status } = dns.change(zone, { deletions: [GKE], additions: [STANDBY] });

    expect(status).toBe('pending');
    expect(current()).toEqual(STANDBY);
    expect(dns.served(name, 'A')).toEqual(GKE);
    clock.advanceBy(seconds(60));
    expect(dns.changeById(zone, id).status).toBe('done');
    expect(dns.served(name, 'A')).toEqual(STANDBY);
  });

  it.each([
    ['another address', record('203.0.113.11')],
    ['another ttl', record('203.0.113.10', 300)],
  ])('refuses a deletion that names %s, and then adds nothing either', (_, deletion) => {
    const { dns, current } = world();
    const txt = { name: `note.${name}`, type: 'TXT', ttl: 60, rrdatas: ['"x"'] };

    expect(() => dns.change(zone, { deletions: [deletion], additions: [txt] })).toThrow(
      refusal(412, 'conditionNotMet'),
    );

    expect(current()).toEqual(GKE);
    expect(dns.records(zone)).not.toContainEqual(txt);
    expect(dns.changes(zone)).toHaveLength(1);
  });

  it.each([
    ['an addition beside what exists', { additions: [STANDBY], deletions: [] }, 409, 'alreadyExists'],
    ['a deletion of what does not exist', { additions: [], deletions: [{ ...GKE, type: 'AAAA' }] }, 404, 'notFound'],
    ['nothing at all', { additions: [], deletions: [] }, 400, 'required'],
    ['a name without its dot', { additions: [{ ...GKE, name: 'x.coditect.ai' }], deletions: [] }, 400, 'invalid'],
    ['a name outside of the zone', { additions: [{ ...GKE, name: 'x.example.com.' }], deletions: [] }, 400, 'invalid'],
    ['an address that is none', { additions: [record('dms-api.run.app')], deletions: [GKE] }, 400, 'invalid'],
    ['a record without a ttl', { additions: [record('203.0.113.99', Number.NaN)], deletions: [GKE] }, 400, 'invalid'],
    [
      'a CNAME beside an address',
      { additions: [{ name, type: 'CNAME', ttl: 60, rrdatas: ['ghs.googlehosted.com.'] }], deletions: [] },
      400,
      'cnameResourceRecordSetConflict',
    ],
  ])('refuses %s', (_, change, status, reason) => {
    expect(() => world().dns.change(zone, change)).toThrow(refusal(status, reason));
  });

  it('keeps its SOA and NS', () => {
    const { dns } = world();
    const soa = dns.records(zone).filter(({ type }) => type === 'SOA');

    expect(() => dns.change(zone, { additions: [], deletions: soa })).toThrow(refusal(400, 'invalidZoneApex'));
  });

  it('keeps the ttl of a patch without one, or not, by assumption', () => {
    const patched = (assumptions = BELIEVED) =>
      world(assumptions).dns.patch(zone, name, 'A', { rrdatas: ['203.0.113.99'] }).ttl;

    expect(patched()).toBe(60);
    expect(patched({ ...BELIEVED, dnsPatchKeepsTtl: false })).toBe(0);
  });

  it('always serves the newest change in the end, in whatever order the name servers hear of them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1, maxLength: 6 }), (pauses) => {
        const { clock, dns, current } = world();
        for (const [index, pause] of pauses.entries()) {
          dns.patch(zone, name, 'A', { rrdatas: [`203.0.113.${index + 20}`] });
          clock.advanceBy(pause);
        }
        clock.advanceBy(seconds(61));
        expect(dns.served(name, 'A')).toEqual(current());
        expect(dns.changes(zone).every(({ status }) => status === 'done')).toBe(true);
      }),
    );
  });

  it('is changed only with the permission for the change and for what it does', () => {
    const { kernel, dns } = world();
    const api = createDnsApi({ door: kernel.door, iam: kernel.iam, dns });
    const caller = { principal: 'dr-recover@coditect-prod.iam.gserviceaccount.com', from: 'functions' };
    const move = { deletions: [GKE], additions: [STANDBY] };
    const grantAndMove = (permission: string) => {
      kernel.iam.grant(caller.principal, [permission]);
      return api.createChange(caller, zone, move).kind;
    };

    expect(api.createChange(caller, zone, move).kind).toBe('error');
    expect(grantAndMove('dns.changes.create')).toBe('error');
    expect(grantAndMove('dns.resourceRecordSets.create')).toBe('error');
    expect(grantAndMove('dns.resourceRecordSets.update')).toBe('answer');
    expect(kernel.audit.effects('dns.changes.create')).toHaveLength(1);
  });
});
