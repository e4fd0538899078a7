variable "service_maximum" {
  type        = map(number)
  description = "The maximum of instances that each Cloud Run application of dr.yaml has itself, by its id: when all of them are busy, that is an alert."
}

variable "system" {
  type        = any
  description = "dr.yaml, decoded."
}

variable "uptime_checks" {
  type        = map(string)
  description = "Ids of the uptime checks by the host that they ask."
}
