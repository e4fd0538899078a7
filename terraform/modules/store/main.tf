# The state: a Firestore database that keeps a majority without any protected region.

resource "google_firestore_database" "this" {
  project     = var.project
  name        = var.name
  location_id = var.location
  type        = "FIRESTORE_NATIVE"

  # Seven days, to the minute: what an accident took from the log can be read back.
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_ENABLED"

  # Neither Terraform nor a person with a console takes it away by mistake.
  delete_protection_state = "DELETE_PROTECTION_ENABLED"
  deletion_policy         = "ABANDON"

  lifecycle {
    prevent_destroy = true
  }
}

# The same as in docs/firestore.indexes.json, which a test compares: large texts out of the indexes that Firestore keeps by itself.
locals {
  fields = { for field in jsondecode(file("${path.module}/firestore.indexes.json")).fieldOverrides : "${field.collectionGroup}/${field.fieldPath}" => field }
}

resource "google_firestore_field" "this" {
  for_each = local.fields

  project    = var.project
  database   = google_firestore_database.this.name
  collection = each.value.collectionGroup
  field      = each.value.fieldPath

  # Empty: no index at all.
  index_config {}

  dynamic "ttl_config" {
    for_each = try(each.value.ttl, false) ? [true] : []

    content {}
  }
}

resource "google_firestore_backup_schedule" "daily" {
  project   = var.project
  database  = google_firestore_database.this.name
  retention = "1209600s"

  daily_recurrence {}
}
