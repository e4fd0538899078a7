variable "approvers" {
  type        = set(string)
  description = "E-mails of everybody whom dr.yaml lets decide."
}

variable "hosts" {
  type        = map(string)
  description = "Host of each control region, such as dr-east.example.com: the ones of endpoints.approve in dr.yaml. Their A records lead to the output `address`."
}

variable "identity" {
  type        = string
  description = "approvals.identity of dr.yaml: iap, oidc or link."

  validation {
    condition     = contains(["iap", "oidc", "link"], var.identity)
    error_message = "dr.yaml knows iap, oidc and link."
  }
}

variable "project" {
  type        = string
  description = "The project."
}

variable "project_number" {
  type        = string
  description = "Its number."
}

variable "services" {
  type        = map(string)
  description = "Name of approve's Cloud Run service by region."
}

variable "status_readers" {
  type        = map(string)
  description = "IAM members that may read the status pages, by a name of your choice."
  default     = {}
}
