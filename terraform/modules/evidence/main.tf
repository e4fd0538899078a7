# Where a breach's evidence goes: a bucket that keeps what is in it whatever anybody wants.

resource "google_storage_bucket" "this" {
  project  = var.project
  name     = var.name
  location = var.location
  labels   = var.labels

  public_access_prevention    = "enforced"
  uniform_bucket_level_access = true
  force_destroy               = false

  versioning {
    enabled = true
  }

  # Locked it can never be shortened or removed, by nobody: a decision of its owner, which Terraform can't take back.
  retention_policy {
    retention_period = var.retention_days * 24 * 60 * 60
    is_locked        = var.is_locked
  }

  lifecycle {
    prevent_destroy = true
  }
}
