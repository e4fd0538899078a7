# The name of a secret. Its value is added by a person and never stands in the state: `gcloud secrets versions add`.

resource "google_secret_manager_secret" "this" {
  project             = var.project
  secret_id           = var.name
  labels              = var.labels
  deletion_protection = true

  replication {
    user_managed {
      dynamic "replicas" {
        for_each = var.regions

        content {
          location = replicas.value
        }
      }
    }
  }
}
