// Package cost turns what a model uses into money.
//
// Prices say what an hour of a GPU, of a core and of a gigabyte of memory, a
// kilowatt hour and a request cost from a day on. A Meter takes, once an
// interval, how long each resource was busy and which model's requests were in
// the server in that time, and adds up three things: what the models have
// caused by busy time, what has been reserved and so is paid for anyway, and
// the rest, which is idle. A model's share of the server's busy time is its
// share of the request time (the sum of the durations) in the interval; what
// was busy while no request of any model was there is idle as well.
package cost
