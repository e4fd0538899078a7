# Who gets past the proxy: to approve the approvers of dr.yaml, whose tokens say what they may decide; to status whoever may read it.

locals {
  admitted = merge([
    for region in keys(var.hosts) : { for email in var.approvers : "${region}/${email}" => { region = region, email = email } }
  ]...)
  reading = merge([
    for region in keys(var.hosts) : { for key, member in var.status_readers : "${region}/${key}" => { region = region, member = member } }
  ]...)
}

resource "google_iap_web_backend_service_iam_member" "approver" {
  for_each = local.uses_proxy ? local.admitted : {}

  project             = var.project
  web_backend_service = google_compute_backend_service.this["approve-${each.value.region}"].name
  role                = "roles/iap.httpsResourceAccessor"
  member              = "user:${each.value.email}"
}

resource "google_iap_web_backend_service_iam_member" "reader" {
  for_each = local.uses_proxy ? local.reading : {}

  project             = var.project
  web_backend_service = google_compute_backend_service.this["status-${each.value.region}"].name
  role                = "roles/iap.httpsResourceAccessor"
  member              = each.value.member
}
