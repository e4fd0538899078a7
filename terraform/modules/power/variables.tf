variable "copies" {
  type        = set(string)
  description = "Instances that may be deleted: the names that dr.yaml has for copies and clones."
}

variable "dump_buckets" {
  type        = set(string)
  description = "Buckets in which dumps lie."
}

variable "evidence_buckets" {
  type        = set(string)
  description = "Buckets to which evidence goes."
}

variable "evidence_project" {
  type        = string
  description = "The project in which those buckets are."
}

variable "granted" {
  type        = map(list(string))
  description = "Permissions by where they are given, from modules/permissions."
}

variable "member" {
  type        = string
  description = "The function's service account as an IAM member."
}

variable "name" {
  type        = string
  description = "The function."
}

variable "project" {
  type        = string
  description = "The protected project."
}

variable "row_buckets" {
  type        = set(string)
  description = "Buckets in which sets of rows lie for review."
}

variable "secrets" {
  type        = set(string)
  description = "Secrets that dr.yaml names."
}

variable "service_identities" {
  type        = set(string)
  description = "E-mails of the accounts as which the Cloud Run services of dr.yaml run."
}
