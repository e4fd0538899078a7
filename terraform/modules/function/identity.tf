# Who may call the function, what it may read, and its part of the store. What it may do in the protected system stands in
# modules/power, in one place.

locals {
  invoked = merge([
    for region in var.regions : { for key, member in var.invokers : "${key}/${region}" => { region = region, member = member } }
  ]...)
}

resource "google_cloud_run_service_iam_member" "invoker" {
  for_each = local.invoked

  project  = var.project
  location = each.value.region
  service  = google_cloudfunctions2_function.copy[each.value.region].name
  role     = "roles/run.invoker"
  member   = each.value.member
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = var.secrets

  project   = var.project
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this.member
}

# The one database of ours, and no other of the project.
resource "google_project_iam_member" "store" {
  project = var.project
  role    = var.store_role
  member  = google_service_account.this.member

  condition {
    title       = "dr-autopilot database"
    description = "Other databases of the project stay out of reach."
    expression  = "resource.name == \"projects/${var.project}/databases/${var.database}\""
  }
}

resource "google_project_iam_member" "logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.this.member
}
