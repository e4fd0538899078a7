output "roles" {
  description = "The custom roles by where they are given."
  value       = { for scope, role in google_project_iam_custom_role.this : scope => role.name }
}
