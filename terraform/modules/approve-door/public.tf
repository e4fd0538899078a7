# Without the proxy a browser brings no identity that Cloud Run knows: with `identity: oidc` the function itself checks who is signed in,
# with `link` whoever holds a link decides. This is the one place that lets everybody in, and only then.

resource "google_cloud_run_service_iam_member" "everybody" {
  for_each = local.uses_proxy ? {} : var.services

  project  = var.project
  location = each.key
  service  = each.value
  role     = "roles/run.invoker"
  member   = "allUsers"
}
