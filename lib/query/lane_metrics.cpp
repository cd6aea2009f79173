// SPDX-License-Identifier: Apache-2.0
#include "query/lane_metrics.hpp"

namespace tidegate::internal {

namespace {

struct Maker {
  const std::string& lane;

  Counter& counter(const char* path, const char* help) const {
    return Registry::global().counter(path, {{"lane", lane}}, help);
  }
  Counter& settled(const char* outcome) const {
    return Registry::global().counter("executor.settled", {{"lane", lane}, {"outcome", outcome}},
                                      "Calls that ended, by how");
  }
  Counter& shed(const char* cause) const {
    return Registry::global().counter("executor.shed", {{"lane", lane}, {"cause", cause}},
                                      "Calls refused at once");
  }
  Gauge& gauge(const char* path, const char* help) const {
    return Registry::global().gauge(path, {{"lane", lane}}, help);
  }
  Histogram& histogram(const char* path, const char* help) const {
    return Registry::global().histogram(path, {{"lane", lane}}, help);
  }
};

}  // namespace

LaneMetrics::LaneMetrics(const std::string& lane)
    : submitted(
          Maker{lane}.counter("executor.submitted", "Calls submitted, refused ones included")),
      fresh(Maker{lane}.settled("fresh")),
      failed(Maker{lane}.settled("failed")),
      timed_out(Maker{lane}.settled("deadline")),
      cancelled(Maker{lane}.settled("cancelled")),
      closed(Maker{lane}.settled("closed")),
      shed_queue_full(Maker{lane}.shed("queue_full")),
      shed_admission(Maker{lane}.shed("admission")),
      shed_saturated(Maker{lane}.shed("saturated")),
      late_results(Maker{lane}.counter("executor.late_results",
                                       "Results that came after their call had ended")),
      queued(Maker{lane}.gauge("executor.queued", "Calls that wait for a permit")),
      running(Maker{lane}.gauge("executor.running", "Permits in use")),
      zombies(Maker{lane}.gauge("executor.zombies", "Given-up calls that still run")),
      threads(Maker{lane}.gauge("executor.threads", "Threads of the lane")),
      queue_wait(Maker{lane}.histogram("executor.queue_wait", "From submission until a permit")),
      run_time(
          Maker{lane}.histogram("executor.run_time", "From the permit until the end of the call")),
      overrun(Maker{lane}.histogram("executor.overrun", "How long given-up calls ran on")),
      lateness(Maker{lane}.histogram("executor.lateness",
                                     "From the deadline until the call was ended by it")) {}

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
