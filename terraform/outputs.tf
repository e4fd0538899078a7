output "acting" {
  description = "Runbooks that may act. Empty: everything only observes."
  value       = module.permissions.acting
}

output "approve_address" {
  description = "IPv4 address to which the A records of the hosts of approve have to lead."
  value       = module.approve_door.address
}

output "functions" {
  description = "Service account and addresses of each function."
  value       = { for name, function in module.function : name => { email = function.email, uris = function.uris } }
}

output "keys" {
  description = "Secrets whose values a person adds."
  value       = [for key in module.key : key.name]
}
