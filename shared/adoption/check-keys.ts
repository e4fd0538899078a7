import type { System } from '../system/system.ts';
import type { Facts } from './facts.ts';
import { fine, type Finding, judge, wrong } from './finding.ts';

// Whether what `notify` signs is verified by what `approve`, `heal` and `recover` have: the two halves of the pair, and the id under which
// each copy of `notify` signs. Where they don't go together every approval is refused, and nobody hears of it before one is needed.

const CHECK = 'signing key';
const [SIGNING, PUBLIC] = ['dr-signing-key', 'dr-public-keys'] as const;

/** Empty where either secret has no version that could be read: that is a finding of its own. */
export function checkKeys(system: System, facts: Pick<Facts, 'keys' | 'secrets' | 'signers'>): readonly Finding[] {
  if (![SIGNING, PUBLIC].every((name) => isEnabled(facts.secrets[name]))) return [];
  const { project } = system;
  const access = (name: string): string =>
    `gcloud secrets versions access latest --secret ${name} --project ${project}`;
  const halves = `${access(SIGNING)} | openssl pkey -pubout`;
  return judge(CHECK, `the secret ${PUBLIC}`, facts.keys.known, {
    mend: access(PUBLIC),
    ask: `let somebody look who may read ${PUBLIC} and ${SIGNING} (roles/secretmanager.secretAccessor on both): ./dr doctor`,
    holds: (known) => {
      if (known === undefined)
        return [
          wrong(
            CHECK,
            `${PUBLIC} is no JSON object of PEM by key id: approve and recover don’t start`,
            addPublic(system),
          ),
        ];
      const bad = Object.entries(known).flatMap(([id, half]) => (half === undefined ? [id] : []));
      if (bad.length > 0) {
        const says = `${bad.join(', ')} of ${PUBLIC}: no Ed25519 public key in PEM, and approve and recover don’t start`;
        return [wrong(CHECK, says, addPublic(system))];
      }
      return judge(CHECK, `the secret ${SIGNING}`, facts.keys.signing, {
        mend: access(SIGNING),
        ask: `whether it is the other half can say who may read it (roles/secretmanager.secretAccessor on ${SIGNING}): ./dr doctor, or compare by hand what ${halves} prints with what ${access(PUBLIC)} has`,
        holds: (own) => checkPair(system, facts, known, own),
      });
    },
  });
}

function checkPair(
  system: System,
  { signers, secrets }: Pick<Facts, 'secrets' | 'signers'>,
  known: Readonly<Record<string, string | undefined>>,
  own: string | undefined,
): readonly Finding[] {
  if (own === undefined)
    return [
      wrong(CHECK, `${SIGNING} is no Ed25519 private key in PKCS #8 PEM: nobody can be asked to approve`, NEW_PAIR),
    ];
  const ids = Object.keys(known).filter((id) => known[id] === own);
  if (ids.length === 0)
    return [
      wrong(
        CHECK,
        `no key of ${PUBLIC} verifies what ${SIGNING} signs: every approval would be refused`,
        addPublic(system),
      ),
    ];
  const newest = secrets[SIGNING]?.kind === 'read' ? secrets[SIGNING].value[0]?.version : undefined;
  const found = system.controlRegions.flatMap((region) => {
    const check = `${CHECK} in ${region}`;
    const apply = `terraform apply with signing_key_id = "${ids[0] ?? ''}"`;
    return judge(check, `the function dr-notify in ${region}`, signers[region], {
      mend: 'terraform apply (modules/function)',
      holds: ({ keyId, version }) => {
        if (version !== 'latest' && version !== newest)
          return [
            wrong(check, `notify has version ${version} of ${SIGNING}, and the newest is ${newest ?? ''}`, apply),
          ];
        if (keyId === undefined) return [wrong(check, 'notify does not say under which id it signs', apply)];
        if (ids.includes(keyId)) return [];
        const instead = keyId in known ? `has another key under that` : 'has no key of that id';
        return [
          wrong(check, `notify signs as ${keyId}, and ${PUBLIC} ${instead}: every approval would be refused`, apply),
        ];
      },
    });
  });
  return found.length > 0 ? found : [fine(CHECK, `what notify signs as ${ids.join(', ')} is verified by ${PUBLIC}`)];
}

const NEW_PAIR =
  'docs/deployment.md, "An afternoon", step 1: openssl genpkey -algorithm ed25519, and its public half into dr-public-keys';

/** Adds the public half under the ids that are known already: links in flight stay good. */
const addPublic = ({ project }: System): string =>
  `docs/deployment.md, "An afternoon", step 1: gcloud secrets versions add ${PUBLIC} --data-file=- --project ${project}, with the public half of ${SIGNING} beside the others, by its id`;

const isEnabled = (reading: Facts['secrets'][string] | undefined): boolean =>
  reading?.kind === 'read' && reading.value[0]?.state === 'enabled';
