// SPDX-License-Identifier: Apache-2.0
// The threads of the lanes: those that the scheduler starts, and what it knows of those that are
// the caller's.
#include <cxxabi.h>

#include <exception>
#include <new>
#include <string>
#include <utility>

#include "base/log_record.hpp"
#include "query/scheduler.hpp"

namespace tidegate::internal {

namespace {

std::string thrown(const std::exception& error) noexcept {
  try {
    return std::string(" threw: ") + error.what();
  } catch (const std::bad_alloc&) {
    return " threw";
  }
}

Status run_job(Scheduler& scheduler, Job& job, std::unique_ptr<Session>& session) {
  try {
    if (job.lane.engine) {
      if (!session) {
        auto opened = job.lane.engine->open(job.stop());
        if (!opened.ok()) return opened.status();
        session = std::move(opened).value();
      }
      if (!scheduler.attach(job, session.get()))
        return Status(Cause::kCancelled, "given up before it ran");
    }
    return job.work->run(session.get(), job.stop());
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (const std::bad_alloc&) {
    return job.failure(Cause::kNoMemory, " ran out of memory");
  } catch (const std::exception& error) {
    return job.failure(Cause::kCallableFailed, thrown(error));
  } catch (...) {
    return job.failure(Cause::kCallableFailed, " threw something that is no std::exception");
  }
}

}  // namespace

void Scheduler::run_thread(Lane& lane, std::uint64_t epoch) {
  {
    std::lock_guard lock(mutex_);
    --lane.starting;
  }
  std::unique_ptr<Session> session;
  Job* job = take(lane, epoch);
  while (job) {
    const Status outcome = run_job(*this, *job, session);
    // The scheduler forgets the session here, so that it may be closed below.
    Job* const next = finish_and_take(*job, outcome, epoch);
    if (session && session->broken()) session.reset();
    job = next ? next : take(lane, epoch);
  }
  session.reset();
  leave(lane, epoch);
}

void Scheduler::start_thread(Lane& lane) noexcept {
  Status started;
  try {
    std::lock_guard lock(mutex_);
    started = threads_.start("tg-lane", [self = shared_from_this(), &lane, epoch = lane.epoch] {
      self->run_thread(lane, epoch);
    });
  } catch (const std::bad_alloc&) {
    started = Status(Cause::kNoMemory, "no memory to start a thread");
  }
  if (started.ok()) return;
  log(LogLevel::kError, "executor", "lane '" + lane.name + "': " + started.to_string());
  not_started(lane);
  for (;;) {
    Job* job;
    {
      std::lock_guard lock(mutex_);
      if (lane.threads > 0 || lane.ready_jobs.empty()) return;
      job = &lane.ready_jobs.front();
      job->ref();
    }
    give_up(*job, started);
    job->unref();
  }
}

std::uint64_t Scheduler::enter(Lane& lane) {
  std::lock_guard lock(mutex_);
  if (lane.starting > 0) {
    --lane.starting;
  } else {
    ++lane.threads;
    lane.metrics.threads.add(1);
  }
  return lane.epoch;
}

void Scheduler::leave(Lane& lane, std::uint64_t epoch) {
  Stir after{.lane = &lane};
  {
    std::lock_guard lock(mutex_);
    lane.thread_left(epoch);
    after.wake = lane.claim_wake();
    after.start = !closed_ && !lane.external && lane.claim_thread();
  }
  stir(after);
}

void Scheduler::not_started(Lane& lane) {
  std::lock_guard lock(mutex_);
  if (lane.starting == 0) return;  // a thread that came unasked was counted in its place
  --lane.starting;
  --lane.threads;
  lane.metrics.threads.add(-1);
}

bool Scheduler::claim_thread(Lane& lane) {
  std::lock_guard lock(mutex_);
  return lane.claim_thread();
}

bool Scheduler::claim_spare(Lane& lane) {
  std::lock_guard lock(mutex_);
  return lane.claim_spare();
}

}  // namespace tidegate::internal
