# dr-autopilot in one project: what carries messages and state, the functions, and who may do what. What is protected, in which regions,
# for whom and how far, stands in dr.yaml alone.

locals {
  system  = yamldecode(file(var.dr_yaml))
  project = local.system.system.project
  number  = data.google_project.this.number
  regions = toset(local.system.system.controlRegions)
  labels  = merge({ app = "dr-autopilot" }, var.labels)

  pubsub_agent = "serviceAccount:service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

data "google_project" "this" {
  project_id = local.project

  lifecycle {
    postcondition {
      condition     = self.project_id == local.project
      error_message = "dr.yaml names another project than this one. Functions, topics and state lie in the project that is protected."
    }
  }
}

resource "google_project_service" "api" {
  for_each = toset([
    "cloudbuild", "cloudfunctions", "cloudscheduler", "compute", "container", "dns", "firestore", "iap", "logging", "monitoring", "pubsub",
    "redis", "run", "secretmanager", "sqladmin", "storage", "vpcaccess",
  ])

  project            = local.project
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

module "store" {
  source = "./modules/store"

  project  = local.project
  name     = var.database
  location = var.database_location

  depends_on = [google_project_service.api]
}

module "topic" {
  source   = "./modules/topic"
  for_each = local.topics

  project        = local.project
  project_number = local.number
  name           = each.key
  labels         = local.labels
  publishers     = each.key == "dr-commands" ? var.commanders : {}

  depends_on = [google_project_service.api]
}

module "clock" {
  source = "./modules/clock"

  project        = local.project
  project_number = local.number
  regions        = local.regions
  topic_id       = module.topic["dr-ticks"].id
  topic_name     = module.topic["dr-ticks"].name
}

module "key" {
  source   = "./modules/key"
  for_each = toset(concat(["dr-form-key", "dr-public-keys", "dr-signing-key"], var.heartbeat ? ["dr-heartbeat-url"] : []))

  project = local.project
  name    = each.key
  regions = local.regions
  labels  = local.labels

  depends_on = [google_project_service.api]
}

module "alerts" {
  source = "./modules/alerts"

  project         = local.project
  project_number  = local.number
  system          = local.system
  topic_id        = module.topic["dr-alerts"].id
  topic_name      = module.topic["dr-alerts"].name
  service_maximum = var.service_maximum
  people_channels = var.people_channels
}

module "evidence" {
  source = "./modules/evidence"
  count  = var.evidence == null ? 0 : 1

  project        = coalesce(var.evidence_project, local.project)
  name           = local.system.forensics.bucket
  location       = var.evidence.location
  retention_days = var.evidence.retention_days
  is_locked      = var.evidence.is_locked
  labels         = local.labels
}

module "approve_door" {
  source = "./modules/approve-door"

  project        = local.project
  project_number = local.number
  hosts          = var.approve_hosts
  identity       = local.system.approvals.identity
  services       = module.function["approve"].names
  status_readers = var.status_readers
  approvers      = toset([for person in local.system.people : person.email if contains(local.approvers, person.id)])
}
