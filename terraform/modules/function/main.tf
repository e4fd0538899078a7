# One function of ours with its own identity, a copy in each control region, and what each copy hears of. Both copies receive every
# message; the lease in the store decides who acts.

resource "google_service_account" "this" {
  project      = var.project
  account_id   = "dr-${var.name}"
  display_name = "dr-autopilot ${var.name}"
  description  = "Identity of the function ${var.name}, in every region. It has no keys."
}

resource "google_cloudfunctions2_function" "copy" {
  for_each = var.regions

  project     = var.project
  location    = each.key
  name        = "dr-${var.name}"
  description = var.description
  labels      = var.labels

  build_config {
    runtime         = "nodejs24"
    entry_point     = var.name
    service_account = var.build_service_account

    source {
      storage_source {
        bucket = var.source_archive.bucket
        object = var.source_archive.object
      }
    }
  }

  service_config {
    service_account_email = google_service_account.this.email
    ingress_settings      = var.behind_load_balancer ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_INTERNAL_ONLY"

    # Eight of the nine minutes are worked (docs/decisions.md 7); a page is answered in seconds.
    timeout_seconds    = 540
    available_memory   = "1Gi"
    available_cpu      = "1"
    min_instance_count = 0
    max_instance_count = var.instances_max

    # Half of what Cloud Run takes by default: a storm is spread over instances before one is short of memory.
    max_instance_request_concurrency = 40

    vpc_connector                 = try(var.vpc_connectors[each.key], null)
    vpc_connector_egress_settings = can(var.vpc_connectors[each.key]) ? "PRIVATE_RANGES_ONLY" : null

    environment_variables = merge(
      {
        # dr.yaml, as `npm run bundle` put it into the archive.
        DR_CONFIG = "dr.json"
        DR_STORE  = "firestore:${var.database}"
        # Names this copy among the others; holder of leases.
        DR_INSTANCE  = each.key
        NODE_ENV     = "production"
        NODE_OPTIONS = "--max-old-space-size=512"
      },
      var.environment,
      try(var.environment_by_region[each.key], {}),
    )

    dynamic "secret_volumes" {
      for_each = var.secrets

      content {
        project_id = var.project
        secret     = secret_volumes.value
        mount_path = "/keys/${secret_volumes.key}"

        versions {
          version = "latest"
          path    = "value"
        }
      }
    }
  }
}
