# Everything that one function may do in the protected system: a custom role for each place at which permissions are given, and what gives
# it. The permissions come from modules/permissions, which reads them from the code; the table is in terraform/README.md.

locals {
  # Nothing is made for a place at which nothing is given.
  given = { for scope, permissions in var.granted : scope => permissions if length(permissions) > 0 && scope != "cluster" }
  title = title(var.name)
}

# A role of a project can be given on what is in that project, and on nothing elsewhere.
resource "google_project_iam_custom_role" "this" {
  for_each = local.given

  project     = each.key == "evidence" ? var.evidence_project : var.project
  role_id     = "dr${local.title}${title(each.key)}"
  title       = "dr-autopilot ${var.name}: ${each.key}"
  description = "Exactly what the code of ${var.name} needs there. Written by Terraform from permissions.json."
  permissions = each.value
}

resource "google_project_iam_member" "project" {
  for_each = { for scope, permissions in local.given : scope => permissions if scope == "project" }

  project = var.project
  role    = google_project_iam_custom_role.this[each.key].name
  member  = var.member
}

# Of all instances, those that an incident makes may be deleted, by the names that dr.yaml has for them.
resource "google_project_iam_member" "copies" {
  for_each = { for scope, permissions in local.given : scope => permissions if scope == "copies" && length(var.copies) > 0 }

  project = var.project
  role    = google_project_iam_custom_role.this[each.key].name
  member  = var.member

  condition {
    title       = "copies of an incident"
    description = "databases[].restore.instance and databases[].recovery.instances of dr.yaml, and no other instance."
    expression = join(" || ", [
      for instance in var.copies : "resource.name == \"projects/${var.project}/instances/${instance}\""
    ])
  }
}

resource "google_secret_manager_secret_iam_member" "secrets" {
  for_each = contains(keys(local.given), "secrets") ? var.secrets : []

  project   = var.project
  secret_id = each.key
  role      = google_project_iam_custom_role.this["secrets"].name
  member    = var.member
}

resource "google_storage_bucket_iam_member" "rows" {
  for_each = contains(keys(local.given), "rows") ? var.row_buckets : []

  bucket = each.key
  role   = google_project_iam_custom_role.this["rows"].name
  member = var.member
}

resource "google_storage_bucket_iam_member" "evidence" {
  for_each = contains(keys(local.given), "evidence") ? var.evidence_buckets : []

  bucket = each.key
  role   = google_project_iam_custom_role.this["evidence"].name
  member = var.member
}

resource "google_storage_bucket_iam_member" "dumps" {
  for_each = contains(keys(local.given), "dumps") ? var.dump_buckets : []

  bucket = each.key
  role   = google_project_iam_custom_role.this["dumps"].name
  member = var.member
}

# Whoever changes a Cloud Run service has to be allowed to let it act as its own account (not seen on a real project yet).
resource "google_service_account_iam_member" "act_as" {
  for_each = contains(try(local.given.project, []), "run.services.update") ? var.service_identities : []

  service_account_id = "projects/${var.project}/serviceAccounts/${each.key}"
  role               = "roles/iam.serviceAccountUser"
  member             = var.member
}
