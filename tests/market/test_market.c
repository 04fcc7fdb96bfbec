/* The market as stories, each over many seeds. A failure names its seed; the same seed gives the
   same run. */
#include "gm_test.h"

#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum { HOUR_MS = 3600 * 1000 };

static const struct gm_lab_options usual = {
    .name = "usual",
    .seed = 1,
    .step_count = 6,
    .shard_count = 4,
    .checkpoint_every = 2,
    .evaluate_every = 2,
    .replay_ppm = 200000,
    .diverge_step = UINT32_MAX,
};

static struct gm_sim_options calm(struct gm_lab *labs, size_t count, uint64_t seed)
{
    return (struct gm_sim_options){
        .seed = seed,
        .house_count = 1,
        .worker_count = 3,
        .work_ms = 400,
        .house_slow = 1,
        .rebuild_every = 50,
        .lab_count = count,
        .labs = labs,
    };
}

static struct gm_sim_options stormy(struct gm_lab *labs, size_t count, uint64_t seed)
{
    struct gm_sim_options options = calm(labs, count, seed);
    options.house_count = 2;
    options.loss_ppm = 20000;
    options.twice_ppm = 50000;
    options.kill_ppm = 10000;
    options.crash_ppm = 5000;
    options.clock_ppm = 20000;
    return options;
}

/* The job ended with the weights that it has alone. */
static void expect_alone(const struct gm_sim *sim, size_t index, const struct gm_lab *lab,
                         enum gm_job_state state, uint32_t step, uint64_t seed)
{
    const struct gm_broker_job *job = gm_sim_job(sim, index);
    struct gm_hash *alone = calloc(lab->recipe.state_count, sizeof *alone);
    cr_assert_eq(job->state, state, "seed %llu: %s", (unsigned long long)seed, job->text);
    cr_assert_eq(job->step, step, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(job->kept_count, 1, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(job->kept[0]->step, step);
    gm_lab_alone(lab, step, alone);
    cr_assert_arr_eq(job->kept[0]->roots, alone, lab->recipe.state_count * sizeof *alone,
                     "seed %llu: other weights", (unsigned long long)seed);
    free(alone);
}

static struct gm_sim *run_to_end(const struct gm_sim_options *options)
{
    struct gm_sim *sim = gm_sim_new(options);
    cr_assert(gm_sim_run(sim, 6 * HOUR_MS), "seed %llu: the jobs did not end",
              (unsigned long long)options->seed);
    return sim;
}

Test(market, a_job_ends_with_the_weights_it_has_alone)
{
    struct gm_lab lab;
    gm_lab_init(&lab, &usual);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct gm_sim_options options = calm(&lab, 1, seed);
        options.worker_count = seed % 2 == 0 ? 8 : 1;
        struct gm_sim *sim = run_to_end(&options);
        expect_alone(sim, 0, &lab, GM_JOB_DONE, 6, seed);
        cr_assert_eq(gm_sim_job(sim, 0)->reissued, 0);
        cr_assert_eq(gm_sim_job(sim, 0)->rejected, 0);
        cr_assert_eq(gm_sim_job(sim, 0)->rewinds, 0);
        cr_assert_neq(gm_sim_job(sim, 0)->loss_first, UINT32_MAX);
        cr_assert_neq(gm_sim_job(sim, 0)->loss_validation, UINT32_MAX);
        gm_sim_free(sim);
    }
    gm_lab_fini(&lab);
}

Test(market, trees_of_every_shape_are_reduced)
{
    static const uint32_t shards[] = {1, 2, 7, 8, 9, 17, 65};
    for (size_t i = 0; i < sizeof shards / sizeof *shards; i++) {
        struct gm_lab_options job = usual;
        struct gm_lab lab;
        job.shard_count = shards[i];
        job.step_count = 2;
        job.given = i % 2 == 0;
        job.fanin = 2u << (i % 3);
        gm_lab_init(&lab, &job);
        struct gm_sim_options options = calm(&lab, 1, shards[i]);
        struct gm_sim *sim = run_to_end(&options);
        expect_alone(sim, 0, &lab, GM_JOB_DONE, 2, shards[i]);
        gm_sim_free(sim);
        gm_lab_fini(&lab);
    }
}

Test(market, a_house_worker_alone_does_all)
{
    struct gm_lab lab;
    gm_lab_init(&lab, &usual);
    struct gm_sim_options options = calm(&lab, 1, 1);
    options.worker_count = 0;
    options.rebuild_every = 1;
    struct gm_sim *sim = run_to_end(&options);
    expect_alone(sim, 0, &lab, GM_JOB_DONE, 6, 1);
    gm_sim_free(sim);
    gm_lab_fini(&lab);
}

Test(market, what_is_stored_after_every_event_rebuilds_the_broker)
{
    struct gm_lab lab;
    gm_lab_init(&lab, &usual);
    struct gm_sim_options options = stormy(&lab, 1, 77);
    options.liar_count = 1;
    options.rebuild_every = 1;
    struct gm_sim *sim = run_to_end(&options);
    expect_alone(sim, 0, &lab, GM_JOB_DONE, 6, 77);
    gm_sim_free(sim);
    gm_lab_fini(&lab);
}

Test(market, losses_deaths_and_wrong_clocks_change_nothing)
{
    struct gm_lab lab;
    uint64_t crashes = 0;
    uint64_t kills = 0;
    gm_lab_init(&lab, &usual);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct gm_sim_options options = stormy(&lab, 1, seed);
        struct gm_sim *sim = run_to_end(&options);
        expect_alone(sim, 0, &lab, GM_JOB_DONE, 6, seed);
        cr_assert_eq(gm_sim_job(sim, 0)->rejected, 0, "seed %llu: an honest result was rejected",
                     (unsigned long long)seed);
        crashes += gm_sim_crashes(sim);
        kills += gm_sim_kills(sim);
        gm_sim_free(sim);
    }
    cr_assert_gt(crashes, 100, "the storm was none");
    cr_assert_gt(kills, 50, "the storm was none");
    gm_lab_fini(&lab);
}

Test(market, a_new_keys_lie_never_enters_the_weights)
{
    struct gm_lab_options job = usual;
    struct gm_lab lab;
    job.replay_ppm = 0;
    gm_lab_init(&lab, &job);
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct gm_sim_options options = stormy(&lab, 1, seed);
        options.liar_count = 1 + seed % 2;
        options.lie_after = (uint32_t)(seed % 3);
        options.work_ms = 200;
        struct gm_sim *sim = run_to_end(&options);
        expect_alone(sim, 0, &lab, GM_JOB_DONE, 6, seed);
        cr_assert_eq(gm_sim_job(sim, 0)->rewinds, 0, "seed %llu", (unsigned long long)seed);
        gm_sim_free(sim);
    }
    gm_lab_fini(&lab);
}

/* The house is slow: lies are found steps later. Where only a share is replayed, the found lie
   takes all that nobody saw with it; a lie that nobody drew may stay, and then nothing is claimed.
 */
static void late_lies(uint32_t replay_ppm, uint64_t *rewinds, uint64_t *found)
{
    struct gm_lab_options job = usual;
    struct gm_lab lab;
    job.step_count = 14;
    job.replay_ppm = replay_ppm;
    gm_lab_init(&lab, &job);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct gm_sim_options options = stormy(&lab, 1, seed);
        options.worker_count = 2;
        options.liar_count = 1;
        options.lie_after = 12;
        options.house_count = 1 + seed % 2;
        options.house_slow = 6;
        options.crash_ppm = 1000;
        struct gm_sim *sim = run_to_end(&options);
        bool banned = gm_sim_banned(sim, options.house_count + options.worker_count - 1);
        if (banned || replay_ppm == GM_PPM)
            expect_alone(sim, 0, &lab, GM_JOB_DONE, 14, seed);
        *rewinds += gm_sim_job(sim, 0)->rewinds;
        *found += banned;
        gm_sim_free(sim);
    }
    gm_lab_fini(&lab);
}

Test(market, a_trusted_keys_lie_is_found_later_and_the_job_goes_back)
{
    uint64_t rewinds = 0;
    uint64_t found = 0;
    late_lies(GM_PPM, &rewinds, &found);
    cr_assert_gt(found, 10, "%llu liars were found", (unsigned long long)found);
    cr_assert_gt(rewinds, 5, "%llu times back", (unsigned long long)rewinds);
}

Test(market, one_lie_that_is_drawn_undoes_all_that_were_not)
{
    uint64_t rewinds = 0;
    uint64_t found = 0;
    late_lies(GM_PPM / 4, &rewinds, &found);
    cr_assert_gt(found, 5, "%llu liars were found", (unsigned long long)found);
    cr_assert_gt(rewinds, 5, "%llu times back", (unsigned long long)rewinds);
}

Test(market, a_job_that_diverges_stops_where_it_does_alone)
{
    struct gm_lab_options job = usual;
    struct gm_lab lab;
    job.diverge_step = 4;
    gm_lab_init(&lab, &job);
    for (uint64_t seed = 1; seed <= 15; seed++) {
        struct gm_sim_options options = stormy(&lab, 1, seed);
        options.liar_count = seed % 2;
        struct gm_sim *sim = run_to_end(&options);
        expect_alone(sim, 0, &lab, GM_JOB_DIVERGED, 4, seed);
        cr_assert_not_null(strstr(gm_sim_job(sim, 0)->text, "step 4"));
        gm_sim_free(sim);
    }
    gm_lab_fini(&lab);
}

Test(market, a_job_that_went_back_over_a_lie_diverges_where_it_does_alone)
{
    struct gm_lab_options job = usual;
    struct gm_lab lab;
    uint64_t rewinds = 0;
    job.step_count = 14;
    job.diverge_step = 9;
    job.replay_ppm = GM_PPM;
    gm_lab_init(&lab, &job);
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct gm_sim_options options = calm(&lab, 1, seed);
        options.worker_count = 2;
        options.liar_count = 1;
        options.lie_after = 12 + (uint32_t)seed / 2;
        options.house_slow = 6;
        struct gm_sim *sim = run_to_end(&options);
        expect_alone(sim, 0, &lab, GM_JOB_DIVERGED, 9, seed);
        rewinds += gm_sim_job(sim, 0)->rewinds;
        gm_sim_free(sim);
    }
    cr_assert_gt(rewinds, 1, "%llu times back", (unsigned long long)rewinds);
    gm_lab_fini(&lab);
}

Test(market, several_jobs_share_the_workers_and_keep_to_themselves)
{
    struct gm_lab labs[3];
    static const char *const names[] = {"one", "two", "three"};
    for (size_t i = 0; i < 3; i++) {
        struct gm_lab_options job = usual;
        job.name = names[i];
        job.seed = i + 1;
        job.shard_count = (uint32_t)(2 + 3 * i);
        job.given = i == 1;
        gm_lab_init(&labs[i], &job);
    }
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct gm_sim_options options = stormy(labs, 3, seed);
        options.worker_count = 5;
        options.liar_count = 1;
        struct gm_sim *sim = run_to_end(&options);
        for (size_t i = 0; i < 3; i++)
            expect_alone(sim, i, &labs[i], GM_JOB_DONE, 6, seed);
        gm_sim_free(sim);
    }
    for (size_t i = 0; i < 3; i++)
        gm_lab_fini(&labs[i]);
}

Test(market, equal_seeds_give_equal_runs)
{
    struct gm_lab lab;
    uint64_t ends[2];
    uint64_t events[2];
    gm_lab_init(&lab, &usual);
    for (int i = 0; i < 2; i++) {
        struct gm_sim_options options = stormy(&lab, 1, 4711);
        struct gm_sim *sim = run_to_end(&options);
        ends[i] = gm_sim_now_ms(sim);
        events[i] = gm_sim_events(sim);
        gm_sim_free(sim);
    }
    cr_assert_eq(ends[0], ends[1]);
    cr_assert_eq(events[0], events[1]);
    gm_lab_fini(&lab);
}
