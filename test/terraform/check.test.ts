import { describe, expect, it } from '@jest/globals';
import { checkTerraform } from '../../scripts/terraform/check.ts';
import { readProviderSchema } from '../../scripts/terraform/provider-schema.ts';
import { tfFilesUnder } from '../../scripts/terraform/read-module.ts';

const schema = readProviderSchema();

/** A module and its caller, with nothing wrong. */
const SOUND = {
  'main.tf': `module "topic" {
  source = "./modules/topic"
  name   = "dr-alerts"
}

output "topic" {
  description = "The topic."
  value       = module.topic.id
}
`,
  'modules/topic/main.tf': `resource "google_pubsub_topic" "this" {
  name = "\${local.prefix}\${var.name}"
}

resource "google_pubsub_subscription" "this" {
  for_each = toset(["a", "b"])

  name                 = each.key
  topic                = google_pubsub_topic.this.name
  ack_deadline_seconds = 600

  push_config {
    push_endpoint = "https://example.com/\${google_pubsub_topic.this.id}"

    oidc_token {
      service_account_email = [for name, one in var.emails : one.email if name != each.key][0]
    }
  }

  dynamic "dead_letter_policy" {
    for_each = var.emails

    content {
      dead_letter_topic = dead_letter_policy.value
    }
  }
}

locals {
  prefix = ""
}

output "id" {
  description = "Its id."
  value       = google_pubsub_topic.this.id
}
`,
  'modules/topic/variables.tf': `variable "name" {
  type        = string
  description = "Its name."
}

variable "emails" {
  type        = map(string)
  description = "Who."
  default     = {}
}
`,
};

/** What is found once a piece of the sound files is another one. */
function planted(file: keyof typeof SOUND, piece: string, instead: string): Promise<readonly string[]> {
  expect(SOUND[file]).toContain(piece);
  return checkTerraform({ ...SOUND, [file]: SOUND[file].replace(piece, instead) }, schema);
}

const MAIN = 'main.tf';
const TOPIC = 'modules/topic/main.tf';
const VARIABLES = 'modules/topic/variables.tf';

/** What is planted, where, and what has to be said of it. */
const PLANTED: [string, [keyof typeof SOUND, string, string], string | RegExp][] = [
  [
    'an unknown type of resource',
    [TOPIC, '"google_pubsub_topic" "this"', '"google_pubsub_topics" "this"'],
    `${TOPIC}:1: resource "google_pubsub_topics" is unknown; "google_pubsub_topic" is the nearest that there is`,
  ],
  [
    'a misspelt argument',
    [TOPIC, 'ack_deadline_seconds', 'ack_deadline_second'],
    `${TOPIC}:10: google_pubsub_subscription.this: an argument "ack_deadline_second" is unknown; "ack_deadline_seconds" is the nearest that there is`,
  ],
  [
    'an argument that can only be read',
    [TOPIC, 'name                 = each.key', 'name = each.key\n  id = "x"'],
    `${TOPIC}:9: google_pubsub_subscription.this: an argument "id" is unknown; it can only be read`,
  ],
  [
    'a required argument that is missing',
    [TOPIC, 'topic                = google_pubsub_topic.this.name', ''],
    `${TOPIC}:5: google_pubsub_subscription.this: "topic" is missing`,
  ],
  [
    'a required argument of a block inside',
    [TOPIC, 'push_endpoint = "https://example.com/${google_pubsub_topic.this.id}"', ''],
    `${TOPIC}:12: google_pubsub_subscription.this.push_config: "push_endpoint" is missing`,
  ],
  [
    'an argument where a block belongs',
    [TOPIC, 'oidc_token {', 'oidc_token = {'],
    `${TOPIC}:15: google_pubsub_subscription.this.push_config: "oidc_token" is a block, written without "="`,
  ],
  [
    'a block where an argument belongs',
    [TOPIC, 'name = "${local.prefix}${var.name}"', 'name = "${local.prefix}${var.name}"\n  labels {\n  }'],
    `${TOPIC}:3: google_pubsub_topic.this: "labels" is an argument, written with "="`,
  ],
  [
    'an unknown block',
    [TOPIC, 'dynamic "dead_letter_policy"', 'dynamic "dead_letters_policy"'],
    `${TOPIC}:20: google_pubsub_subscription.this: a block "dead_letters_policy" is unknown; "dead_letter_policy" is the nearest that there is`,
  ],
  [
    'a block that stands twice',
    [TOPIC, 'dynamic "dead_letter_policy" {', 'dead_letter_policy {\n  }\n  dynamic "dead_letter_policy" {'],
    `${TOPIC}:22: google_pubsub_subscription.this: a block "dead_letter_policy" may stand once`,
  ],
  [
    'a literal of the wrong type',
    [TOPIC, '= 600', '= "600s"'],
    `${TOPIC}:10: google_pubsub_subscription.this: "ack_deadline_seconds" takes a number, and this is a string`,
  ],
  [
    'a list where a map belongs',
    [TOPIC, 'name = "${local.prefix}${var.name}"', 'name = "${local.prefix}${var.name}"\n  labels = ["a"]'],
    `${TOPIC}:3: google_pubsub_topic.this: "labels" takes a map, and this is a list`,
  ],
  [
    'a variable that is not declared',
    [TOPIC, 'var.emails : one', 'var.email : one'],
    `${TOPIC}:16: var.email refers to nothing that is declared here; "emails" is the nearest that there is`,
  ],
  [
    'a local that is not declared',
    [TOPIC, 'local.prefix', 'local.prefx'],
    `${TOPIC}:2: local.prefx refers to nothing that is declared here; "prefix" is the nearest that there is`,
  ],
  [
    'a resource that is not declared, inside a text',
    [TOPIC, 'com/${google_pubsub_topic.this', 'com/${google_pubsub_topic.that'],
    `${TOPIC}:13: google_pubsub_topic.that.id refers to nothing that is declared here`,
  ],
  [
    'an attribute that a resource does not have',
    [TOPIC, 'topic                = google_pubsub_topic.this.name', 'topic = google_pubsub_topic.this.topic_name'],
    `${TOPIC}:9: google_pubsub_topic has no attribute "topic_name"`,
  ],
  [
    'a word that is no reference at all',
    [TOPIC, 'dead_letter_policy.value', 'dead_letter.value'],
    `${TOPIC}:24: dead_letter.value refers to nothing that is declared here`,
  ],
  [
    'an output that a module does not have',
    [MAIN, 'module.topic.id', 'module.topic.ids'],
    `${MAIN}:8: module.topic has no output "ids"`,
  ],
  [
    'an input that a module does not take',
    [MAIN, 'name   = "dr-alerts"', 'name = "dr-alerts"\n  mail = {}'],
    `${MAIN}:4: module.topic takes no input "mail"; "emails" is the nearest that there is`,
  ],
  [
    'an input that a module needs',
    [MAIN, 'name   = "dr-alerts"', ''],
    `${MAIN}:1: module.topic needs the input "name"`,
  ],
  [
    'a module that is not there',
    [MAIN, './modules/topic', './modules/topics'],
    `${MAIN}:1: module.topic has no source among the modules that are here`,
  ],
  ['a variable that nothing uses', [TOPIC, '${var.name}', ''], `${VARIABLES}:1: nothing uses var.name`],
  [
    'a name that stands twice',
    [VARIABLES, '"emails"', '"name"'],
    `${VARIABLES}:6: var.name stands at ${VARIABLES}:1 already`,
  ],
  [
    'an unknown block of the language',
    [VARIABLES, 'variable "name"', 'variabel "name"'],
    `${VARIABLES}:1: a block "variabel" is unknown; "variable" is the nearest that there is`,
  ],
  [
    'a variable that says nothing about itself',
    [VARIABLES, 'description = "Its name."', ''],
    `${VARIABLES}:1: variable.name: "description" is missing`,
  ],
  [
    'an argument that stands twice',
    [VARIABLES, 'description = "Who."', 'description = "Who."\n  description = "W"'],
    /^modules\/topic\/variables\.tf:9: Attribute redefined/,
  ],
  [
    'what is no HCL',
    [VARIABLES, 'description = "Who."', 'description ='],
    /^modules\/topic\/variables\.tf:8: Invalid expression/,
  ],
];

describe('the check of Terraform', () => {
  it('finds nothing in sound files', async () => {
    expect(await checkTerraform(SOUND, schema)).toEqual([]);
  });

  it('finds nothing in ours', async () => {
    expect(await checkTerraform(tfFilesUnder('terraform'), schema)).toEqual([]);
  });

  it.each(PLANTED)('names %s', async (_kind, [file, piece, instead], complaint) => {
    expect(await planted(file, piece, instead)).toContainEqual(
      typeof complaint === 'string' ? complaint : expect.stringMatching(complaint),
    );
  });
});

/** What is found in a module of one resource. */
const alone = (resource: string, path = 'main.tf'): Promise<readonly string[]> =>
  checkTerraform({ [path]: resource }, schema);

describe('the policies', () => {
  const bucket = (lines: string): string => `resource "google_storage_bucket" "x" {
  name     = "x"
  location = "US"
${lines}
}
`;
  const SAFE = ['public_access_prevention = "enforced"', 'uniform_bucket_level_access = true', 'force_destroy = false'];

  it('let a bucket be that nobody can reach or lose', async () => {
    expect(await alone(bucket(SAFE.join('\n')))).toEqual([]);
  });

  it.each(SAFE)('refuse a bucket without %s', async (line) => {
    const name = line.split(' ')[0] ?? '';
    const found = await alone(bucket(SAFE.filter((other) => other !== line).join('\n')));
    expect(found).toEqual([expect.stringContaining(`main.tf:1: google_storage_bucket.x: ${name} has to be`)]);
  });

  it('refuse a primitive role', async () => {
    const found = await alone(`resource "google_project_iam_member" "x" {
  project = "p"
  role    = "roles/editor"
  member  = "user:a@example.com"
}
`);
    expect(found).toEqual(['main.tf:3: "role" gives a primitive role; name the permissions, or a role of one service']);
  });

  it('refuse a primitive role that a local holds', async () => {
    const found = await alone(
      'locals {\n  a = ["roles/owner"]\n}\n\noutput "a" {\n  description = "A."\n  value = local.a\n}\n',
    );
    expect(found).toEqual(['main.tf:2: "a" gives a primitive role; name the permissions, or a role of one service']);
  });

  const invoker = `resource "google_cloud_run_service_iam_member" "x" {
  service = "x"
  role    = "roles/run.invoker"
  member  = "allUsers"
}
`;

  it('refuse a function that everybody may call', async () => {
    expect(await alone(invoker)).toEqual([
      'main.tf:4: "member" lets everybody in; only modules/approve-door/public.tf may',
    ]);
  });

  it('let the door of the approvers be open', async () => {
    expect(await alone(invoker, 'modules/approve-door/public.tf')).toEqual([]);
  });

  it('refuse a function that the internet reaches past its door', async () => {
    const found = await alone(`resource "google_cloudfunctions2_function" "x" {
  name     = "x"
  location = "us-east4"

  service_config {
    ingress_settings = "ALLOW_ALL"
  }
}
`);
    expect(found).toEqual([
      expect.stringContaining('main.tf:1: google_cloudfunctions2_function.x: service_config.ingress'),
    ]);
  });

  it('refuse a database that can be deleted by mistake', async () => {
    const found = await alone(`resource "google_firestore_database" "x" {
  name                              = "x"
  location_id                       = "nam7"
  type                              = "FIRESTORE_NATIVE"
  delete_protection_state           = "DELETE_PROTECTION_DISABLED"
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"
  deletion_policy                   = "ABANDON"
}
`);
    expect(found).toEqual([
      'main.tf:1: google_firestore_database.x: delete_protection_state has to be "DELETE_PROTECTION_ENABLED", written out',
    ]);
  });

  it.each(['google_secret_manager_secret_version', 'google_service_account_key'])(
    'refuse %s, whose secret would stand in the state',
    async (type) => {
      const found = await alone(`resource "${type}" "x" {\n}\n`);
      expect(found).toContain(
        `main.tf:1: ${type}.x would keep a secret in the state; people add it, Terraform names it`,
      );
    },
  );
});
