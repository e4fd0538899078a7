output "acting" {
  description = "Runbooks whose mode is not observe."
  value       = local.acting
}

output "granted" {
  description = "Permissions by function and by where they are given."
  value       = local.granted

  precondition {
    condition     = length(local.above) == 0
    error_message = "dr.yaml goes further than var.mode for ${join(", ", local.above)}. Both have to say it: lower the one or raise the other."
  }
}
