// SPDX-License-Identifier: Apache-2.0
#include "query/waiting.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "query/job.hpp"
#include "query/lane.hpp"

using namespace tidegate;
using namespace tidegate::internal;

namespace {

OperationRef make_job(Lane& lane, int second, std::uint64_t sequence) {
  Submission submission;
  submission.deadline = Deadline::at(TimePoint(std::chrono::seconds(second)));
  auto* job = new Job(nullptr, lane, std::move(submission), std::chrono::hours(24 * 365));
  job->sequence = sequence;
  return OperationRef::adopt(job);
}

Job& job_of(const OperationRef& ref) { return static_cast<Job&>(*ref.get()); }

}  // namespace

TEST_CASE("TheEarliestDeadlineComesFirstAndTiesInOrderOfArrival") {
  Lane lane(LaneSpec("waiting", 1), 2);
  std::mt19937 random(3);
  std::vector<OperationRef> jobs;
  Waiting waiting;
  for (std::uint64_t i = 0; i < 500; ++i) {
    jobs.push_back(make_job(lane, static_cast<int>(random() % 40), i));
    waiting.push(job_of(jobs.back()));
  }
  // Some leave from the middle.
  std::vector<const Job*> expected;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (i % 3 == 0) {
      waiting.remove(job_of(jobs[i]));
    } else {
      expected.push_back(&job_of(jobs[i]));
    }
  }
  std::ranges::sort(expected, {},
                    [](const Job* job) { return std::pair(job->deadline, job->sequence); });
  for (const Job* job : expected) {
    REQUIRE(!waiting.empty());
    CHECK(&waiting.take_earliest() == job);
  }
  CHECK(waiting.empty());
}

TEST_CASE("TheNewestIsTheLastThatCameAndIsStillThere") {
  Lane lane(LaneSpec("newest", 1), 2);
  Waiting waiting;
  std::vector<OperationRef> jobs;
  for (std::uint64_t i = 0; i < 5; ++i) {
    jobs.push_back(make_job(lane, 100 - static_cast<int>(i), i));
    waiting.push(job_of(jobs.back()));
  }
  waiting.remove(job_of(jobs[4]));
  CHECK(&waiting.take_newest() == &job_of(jobs[3]));
  CHECK(&waiting.take_earliest() == &job_of(jobs[2]));
  CHECK(&waiting.take_newest() == &job_of(jobs[1]));
  CHECK(waiting.size() == 1);
  CHECK(&waiting.take_newest() == &job_of(jobs[0]));
  CHECK(waiting.empty());
}
