output "email" {
  description = "E-mail of its service account."
  value       = google_service_account.this.email
}

output "member" {
  description = "Its service account as an IAM member."
  value       = google_service_account.this.member
}

output "names" {
  description = "Names of the Cloud Run services by region, once those may call who should."
  value       = { for region, copy in google_cloudfunctions2_function.copy : region => copy.name }
  depends_on  = [google_cloud_run_service_iam_member.invoker]
}

output "uris" {
  description = "Addresses by region."
  value       = { for region, copy in google_cloudfunctions2_function.copy : region => copy.service_config[0].uri }
  depends_on  = [google_cloud_run_service_iam_member.invoker]
}
