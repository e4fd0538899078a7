variable "labels" {
  type        = map(string)
  description = "Labels of the secret."
  default     = {}
}

variable "name" {
  type        = string
  description = "Name of the secret."
}

variable "project" {
  type        = string
  description = "The project."
}

variable "regions" {
  type        = set(string)
  description = "Where its versions are kept: the control regions, so that a lost protected region takes no key with it."
}
