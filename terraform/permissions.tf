# What each function may do in the protected system. It reads like the table in README.md, which a test compares.

module "permissions" {
  source = "./modules/permissions"

  system = local.system
  mode   = var.mode
}

module "power" {
  source   = "./modules/power"
  for_each = module.permissions.granted

  project            = local.project
  name               = each.key
  member             = module.function[each.key].member
  granted            = each.value
  secrets            = local.named_secrets
  copies             = local.named_copies
  dump_buckets       = local.dump_buckets
  row_buckets        = local.row_buckets
  evidence_buckets   = local.evidence_buckets
  evidence_project   = coalesce(var.evidence_project, local.project)
  service_identities = var.service_identities
}

locals {
  databases = local.system.databases

  named_secrets = toset(concat(
    [for application in local.system.applications : application.databaseSecret if can(application.databaseSecret)],
    [for secret in try(local.system.rotation, []) : secret.name],
    [for database in local.databases : database.rows.databaseSecret if can(database.rows.databaseSecret)],
  ))
  named_copies = toset(concat(
    [for database in local.databases : database.restore.instance if can(database.restore.instance)],
    flatten([for database in local.databases : try(database.recovery.instances, [])]),
  ))
  dump_buckets     = toset([for database in local.databases : regex("^gs://([^/]+)/", database.restore.dumps)[0] if can(database.restore.dumps)])
  row_buckets      = toset([for database in local.databases : regex("^gs://([^/]+)/", database.rows.files)[0] if can(database.rows.files)])
  evidence_buckets = toset(try([local.system.forensics.bucket], []))

  approvers = distinct(flatten([for runbook, approval in local.system.approvals : try(approval.approvers, [])]))
}

# Who builds, and as whom Pub/Sub calls: neither has any power over the protected system.

resource "google_service_account" "build" {
  project      = local.project
  account_id   = "dr-build"
  display_name = "dr-autopilot build"
}

resource "google_project_iam_member" "build" {
  for_each = toset(["roles/artifactregistry.writer", "roles/logging.logWriter"])

  project = local.project
  role    = each.key
  member  = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

resource "google_service_account" "push" {
  project      = local.project
  account_id   = "dr-pubsub-push"
  display_name = "dr-autopilot: Pub/Sub calls functions as this"
}

resource "google_service_account_iam_member" "push" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}
