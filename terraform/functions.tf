# The functions: what each hears, which keys it reads, and who may call it. What it may do in the protected system: permissions.tf.

locals {
  # Alerts come from Monitoring and ticks from Scheduler (modules/alerts, modules/clock), and from nobody else: what they say is believed.
  topics = toset(["dr-alerts", "dr-commands", "dr-heal", "dr-notices", "dr-recover", "dr-ticks"])
  names  = toset(["approve", "classify", "heal", "notify", "recover", "status", "tick"])

  heard = {
    for topic in local.topics : topic => { topic = module.topic[topic].name, dead = module.topic[topic].dead }
  }
  dead = {
    for topic in ["dr-alerts", "dr-commands"] : "${topic}-dead" => { topic = module.topic[topic].dead, dead = null }
  }

  pushed = { pubsub = google_service_account.push.member }
  proxy  = { iap = "serviceAccount:service-${local.number}@gcp-sa-iap.iam.gserviceaccount.com" }

  uses_proxy = local.system.approvals.identity == "iap"

  public_keys = { "public-keys" = module.key["dr-public-keys"].name }

  functions = {
    approve = {
      about       = "The page on which people decide."
      topics      = {}
      invokers    = local.uses_proxy ? local.proxy : {}
      secrets     = merge(local.public_keys, { "form-key" = module.key["dr-form-key"].name })
      environment = merge({ DR_FORM_KEY_FILE = "/keys/form-key/value" }, local.verifies, var.operators == null ? {} : { DR_OPERATORS_ISSUER = var.operators.issuer, DR_OPERATORS_AUDIENCE = var.operators.audience })
      is_private  = false
    }
    classify = {
      about       = "Finds the incident of an alert or a command, looks, and says what it is."
      topics      = { for topic in ["dr-alerts", "dr-commands"] : topic => local.heard[topic] }
      invokers    = local.pushed
      secrets     = {}
      environment = {}
      is_private  = true
    }
    heal = {
      about       = "Takes the safe steps of a plan."
      topics      = { "dr-heal" = local.heard["dr-heal"] }
      invokers    = local.pushed
      secrets     = local.public_keys
      environment = local.verifies
      is_private  = true
    }
    notify = {
      about       = "Signs links and tells people."
      topics      = { "dr-notices" = local.heard["dr-notices"] }
      invokers    = local.pushed
      secrets     = { "signing-key" = module.key["dr-signing-key"].name }
      environment = { DR_SIGNING_KEY_FILE = "/keys/signing-key/value", DR_SIGNING_KEY_ID = var.signing_key_id }
      is_private  = false
    }
    recover = {
      about       = "Takes the approved steps of a plan."
      topics      = { "dr-recover" = local.heard["dr-recover"] }
      invokers    = local.pushed
      secrets     = local.public_keys
      environment = local.verifies
      is_private  = true
    }
    status = {
      about       = "Incidents and their timelines, for whoever may look."
      topics      = {}
      invokers    = local.uses_proxy ? local.proxy : {}
      secrets     = {}
      environment = {}
      is_private  = false
    }
    tick = {
      about       = "Owns time: what is due, what nobody took, what nobody alerted on."
      topics      = merge({ "dr-ticks" = local.heard["dr-ticks"] }, local.dead)
      invokers    = local.pushed
      secrets     = var.heartbeat ? { "heartbeat-url" = module.key["dr-heartbeat-url"].name } : {}
      environment = { for name, file in { DR_HEARTBEAT_URL_FILE = "/keys/heartbeat-url/value" } : name => file if var.heartbeat }
      is_private  = true
    }
  }

  verifies = { DR_PUBLIC_KEYS_FILE = "/keys/public-keys/value" }
}

module "function" {
  source   = "./modules/function"
  for_each = local.names

  project               = local.project
  project_number        = local.number
  regions               = local.regions
  labels                = local.labels
  name                  = each.key
  description           = local.functions[each.key].about
  build_service_account = google_service_account.build.id
  push_identity         = google_service_account.push.email
  database              = module.store.name
  store_role            = each.key == "status" ? "roles/datastore.viewer" : "roles/datastore.user"
  topics                = local.functions[each.key].topics
  invokers              = local.functions[each.key].invokers
  secrets               = local.functions[each.key].secrets
  environment           = local.functions[each.key].environment
  environment_by_region = each.key == "approve" && local.uses_proxy ? { for region, audience in module.approve_door.audiences : region => { DR_IAP_AUDIENCE = audience } } : {}
  behind_load_balancer  = contains(["approve", "status"], each.key)
  vpc_connectors        = local.functions[each.key].is_private ? { for region, connector in google_vpc_access_connector.private : region => connector.id } : {}

  source_archive = {
    bucket = google_storage_bucket.source.name
    object = google_storage_bucket_object.source[each.key].name
  }
}

# The bundles. An object has the digest of its bundle in its name: another bundle is another version of the function, and going back is
# naming the former one.
resource "google_storage_bucket" "source" {
  project  = local.project
  name     = "${local.project}-dr-autopilot-source"
  location = "US"

  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true
  force_destroy               = false
}

resource "google_storage_bucket_object" "source" {
  for_each = local.names

  bucket = google_storage_bucket.source.name
  name   = "${each.key}/${filesha256("${var.bundles}/${each.key}.zip")}.zip"
  source = "${var.bundles}/${each.key}.zip"
}

# Private addresses of the protected system, where it has any: databases that rows are compared in, Redis, probers.
resource "google_vpc_access_connector" "private" {
  for_each = var.private_network == null ? {} : var.private_network.ranges

  project       = local.project
  region        = each.key
  name          = "dr-autopilot"
  network       = var.private_network.network
  ip_cidr_range = each.value
  machine_type  = "e2-micro"
  min_instances = 2
  max_instances = 3
}

# Whoever appends to an incident's log wakes whoever acts next. It stands here and not in the topic's module: a function waits for the topics
# that it hears, and they would wait for it.
resource "google_pubsub_topic_iam_member" "waker" {
  for_each = {
    for pair in setproduct(["dr-heal", "dr-notices", "dr-recover"], setsubtract(local.names, ["status"])) : "${pair[0]}/${pair[1]}" => { topic = pair[0], name = pair[1] }
  }

  project = local.project
  topic   = module.topic[each.value.topic].name
  role    = "roles/pubsub.publisher"
  member  = module.function[each.value.name].member
}
