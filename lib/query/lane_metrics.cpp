// SPDX-License-Identifier: Apache-2.0
#include "query/lane_metrics.hpp"

namespace tidegate::internal {

namespace {

Counter& settled_as(const MetricsOf& of, const char* outcome) {
  return of.counter("executor.settled", {"outcome", outcome}, "Calls that ended, by how");
}
Counter& shed_for(const MetricsOf& of, const char* cause) {
  return of.counter("executor.shed", {"cause", cause}, "Calls refused, by whom or why");
}

}  // namespace

LaneMetrics::LaneMetrics(const std::string& lane) : LaneMetrics(MetricsOf("lane", lane)) {}

LaneMetrics::LaneMetrics(const MetricsOf& of)
    : submitted(of.counter("executor.submitted", "Calls submitted, refused ones included")),
      fresh(settled_as(of, "fresh")),
      failed(settled_as(of, "failed")),
      timed_out(settled_as(of, "deadline")),
      cancelled(settled_as(of, "cancelled")),
      closed(settled_as(of, "closed")),
      shed_queue_full(shed_for(of, "queue_full")),
      shed_admission(shed_for(of, "admission")),
      shed_saturated(shed_for(of, "saturated")),
      shed_gate(shed_for(of, "gate")),
      late_results(
          of.counter("executor.late_results", "Results that came after their call had ended")),
      queued(of.gauge("executor.queued", "Calls that wait for a permit")),
      running(of.gauge("executor.running", "Permits in use")),
      at_gate(of.gauge("executor.at_gate", "Calls that have a permit and wait for their gate")),
      zombies(of.gauge("executor.zombies", "Given-up calls that still run")),
      threads(of.gauge("executor.threads", "Threads of the lane")),
      queue_wait(of.histogram("executor.queue_wait", "From submission until a permit")),
      run_time(of.histogram("executor.run_time", "From the permit until the end of the call")),
      overrun(of.histogram("executor.overrun", "How long given-up calls ran on")),
      lateness(
          of.histogram("executor.lateness", "From the deadline until the call was ended by it")) {}

void LaneMetrics::settled(const Status& outcome) noexcept {
  switch (outcome.cause()) {
    case Cause::kNone: return fresh.add();
    case Cause::kDeadline: return timed_out.add();
    case Cause::kCancelled: return cancelled.add();
    case Cause::kClosed: return closed.add();
    case Cause::kQueueFull: return shed_queue_full.add();
    case Cause::kAdmission: return shed_admission.add();
    case Cause::kSaturated: return shed_saturated.add();
    default: return failed.add();
  }
}

}  // namespace tidegate::internal
