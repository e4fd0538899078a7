output "address" {
  description = "IPv4 address to which the hosts' A records have to lead."
  value       = google_compute_global_address.this.address
}

output "audiences" {
  description = "Audience of the proxy's assertions by region, which approve checks (DR_IAP_AUDIENCE)."
  value       = { for region in keys(var.hosts) : region => "/projects/${var.project_number}/global/backendServices/${google_compute_backend_service.this["approve-${region}"].generated_id}" }
}
