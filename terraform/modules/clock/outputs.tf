output "jobs" {
  description = "Ids of the jobs by region."
  value       = { for region, job in google_cloud_scheduler_job.tick : region => job.id }
}
