# The door at which approvers arrive: one address for each control region, behind Identity-Aware Proxy. Each leads to the copy of its own
# region and to no other, so that a link has two ways in. Behind the proxy the pages of status are there too; without it nobody gets to
# them from outside.

locals {
  uses_proxy = var.identity == "iap"
  behind = {
    for pair in setproduct(local.uses_proxy ? ["approve", "status"] : ["approve"], keys(var.hosts)) : "${pair[0]}-${pair[1]}" => { name = pair[0], region = pair[1] }
  }
}

resource "google_compute_region_network_endpoint_group" "this" {
  for_each = local.behind

  project               = var.project
  region                = each.value.region
  name                  = "dr-${each.key}"
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    # By its name, which it has before it is there: the proxy's audience has to be known to the function.
    service = "dr-${each.value.name}"
  }
}

resource "google_compute_backend_service" "this" {
  for_each = local.behind

  project               = var.project
  name                  = "dr-${each.key}"
  protocol              = "HTTPS"
  load_balancing_scheme = "EXTERNAL_MANAGED"

  backend {
    group = google_compute_region_network_endpoint_group.this[each.key].id
  }

  dynamic "iap" {
    for_each = local.uses_proxy ? [true] : []

    content {
      enabled = true
    }
  }

  # Paths hold the opaque id of a link, which decides nothing; there is still no need to keep them.
  log_config {
    enable = false
  }
}

resource "google_compute_url_map" "this" {
  project = var.project
  name    = "dr-approve"

  # Whoever asks for another host gets nowhere.
  default_url_redirect {
    host_redirect  = values(var.hosts)[0]
    strip_query    = true
    https_redirect = true
  }

  dynamic "host_rule" {
    for_each = var.hosts

    content {
      hosts        = [host_rule.value]
      path_matcher = host_rule.key
    }
  }

  dynamic "path_matcher" {
    for_each = var.hosts

    content {
      name            = path_matcher.key
      default_service = google_compute_backend_service.this["${local.uses_proxy ? "status" : "approve"}-${path_matcher.key}"].id

      path_rule {
        paths   = ["/approve/*", "/operate"]
        service = google_compute_backend_service.this["approve-${path_matcher.key}"].id
      }
    }
  }
}

resource "google_compute_managed_ssl_certificate" "this" {
  for_each = var.hosts

  project = var.project
  name    = "dr-approve-${each.key}"

  managed {
    domains = [each.value]
  }
}

resource "google_compute_target_https_proxy" "this" {
  project          = var.project
  name             = "dr-approve"
  url_map          = google_compute_url_map.this.id
  ssl_certificates = [for certificate in google_compute_managed_ssl_certificate.this : certificate.id]
}

resource "google_compute_global_address" "this" {
  project = var.project
  name    = "dr-approve"
}

resource "google_compute_global_forwarding_rule" "this" {
  project               = var.project
  name                  = "dr-approve"
  target                = google_compute_target_https_proxy.this.id
  ip_address            = google_compute_global_address.this.id
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
