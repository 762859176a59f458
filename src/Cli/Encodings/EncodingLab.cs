using PageTableEmu.Swap;

namespace PageTableEmu.Cli.Encodings;

/// <summary>
/// Measures formats of swap entries beside each other: every round measures all of them, in another order each time, and what counts is the
/// ratio to the first within a round.
/// </summary>
internal sealed class EncodingLab
{
    internal const string ScalarEncode = "encode one by one, ns";
    internal const string ScalarDecode = "decode one by one, ns";
    internal const string Branching = "decode with branches, ns";

    /// <summary>Bytes of words in the bulk measurements: the first-level cache, the second, and beyond.</summary>
    internal static readonly int[] Sizes = [8 << 10, 256 << 10, 8 << 20];

    private const int Scalar = 4096;
    private const int Matrix = 32768; // words of the transcoding matrix
    private readonly int rounds;
    private readonly double roundTime;
    private readonly EncodingResult[] results;
    private readonly ulong[] words;
    private readonly ulong[] target;
    private readonly ulong[] entries;

    /// <param name="subjects">The formats; the first is the unit of the ratios.</param>
    /// <param name="rounds">How often everything is measured; once means without warming up.</param>
    /// <param name="milliseconds">For how long each thing is measured in a round.</param>
    internal EncodingLab(IEnumerable<EncodingSubject> subjects, int rounds, double milliseconds)
    {
        this.rounds = rounds;
        roundTime = milliseconds * 1e6;
        results = [.. subjects.Select(subject => new EncodingResult(subject))];
        int most = Sizes[^1] / 8;
        words = new ulong[most];
        target = new ulong[most];
        entries = new ulong[most];

        // Types and offsets that every format of the comparison can hold.
        int types = Math.Min(5, results.Min(result => result.Subject.TypeBits));
        int offsets = results.Min(result => result.Subject.OffsetBits) - 1;
        var random = new Random(1);
        for (int i = 0; i < most; i++)
            entries[i] = new SwapEntry((uint)random.Next(1 << types), (ulong)random.NextInt64(1L << offsets)).Value;
    }

    internal static string BulkDecode(int size) => $"decode {Size(size)}, GB/s";

    internal static string BulkEncode(int size) => $"encode {Size(size)}, GB/s";

    internal static string Mark(string mark) => $"mark {mark}, ns";

    internal IReadOnlyList<EncodingResult> Run()
    {
        MeasureEach(ScalarEncode, false, Scalar, (subject, count) => subject.EncodeEach(entries.AsSpan(0, count)));
        MeasureEach(ScalarDecode, false, Scalar, (subject, count) => subject.DecodeEach(words.AsSpan(0, count)));
        MeasureEach(Branching, false, Scalar, (subject, count) => subject.DecodeBranching(words.AsSpan(0, count)));
        foreach (string mark in new[] { "exclusive", "soft-dirty", "uffd-wp" })
        {
            MeasureEach(Mark(mark), false, Scalar, (subject, count) => subject.MarkEach(words.AsSpan(0, count), mark),
                subject => subject.Marks.Contains(mark));
        }

        foreach (int size in Sizes)
        {
            MeasureEach(BulkDecode(size), true, size / 8, (subject, count) =>
            {
                subject.Decode(words.AsSpan(0, count), target.AsSpan(0, count));
                return target[0];
            });
            MeasureEach(BulkEncode(size), true, size / 8, (subject, count) =>
            {
                subject.Encode(entries.AsSpan(0, count), target.AsSpan(0, count));
                return target[0];
            });
        }

        MeasureMatrix();
        CountBranchMisses();
        return results;
    }

    internal static string Size(int bytes) => bytes >= 1 << 20 ? $"{bytes >> 20} MiB" : $"{bytes >> 10} KiB";

    /// <summary>Words for a subject: in its byte order for the bulk codec, in the processor's for what takes them one by one.</summary>
    private void Fill(EncodingSubject subject, int count, bool bulk)
    {
        subject.Encode(entries.AsSpan(0, count), words.AsSpan(0, count));
        if (!bulk && subject.Swapped)
            System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(words.AsSpan(0, count), words.AsSpan(0, count));
    }

    private void MeasureEach(
        string name, bool bulk, int count, Func<EncodingSubject, int, ulong> run, Func<EncodingSubject, bool>? can = null)
    {
        EncodingResult[] able = [.. results.Where(result => can is null || can(result.Subject))];
        if (able.Length == 0)
            return;
        WarmUp(able.Length, index =>
        {
            Fill(able[index].Subject, count, bulk);
            return () => { run(able[index].Subject, count); };
        });
        double[][] times = [.. able.Select(_ => new double[rounds])];
        for (int round = 0; round < rounds; round++)
        {
            for (int turn = 0; turn < able.Length; turn++)
            {
                int index = (turn + round) % able.Length;
                EncodingSubject subject = able[index].Subject;
                Fill(subject, count, bulk);
                times[index][round] = Time(() => { run(subject, count); }) / count;
            }
        }

        for (int index = 0; index < able.Length; index++)
            able[index].Figures[name] = Figure(times[index], times[0], bulk);
    }

    private static EncodingFigure Figure(double[] times, double[] unit, bool asSpeed)
    {
        double[] ratios = [.. times.Zip(unit, (one, first) => asSpeed ? first / one : one / first).Order()];
        double[] sorted = [.. times.Order()];
        double median = sorted[sorted.Length / 2];
        double ratio = ratios[ratios.Length / 2];
        double spread = (ratios[ratios.Length * 3 / 4] - ratios[ratios.Length / 4]) / ratio;
        return new EncodingFigure(asSpeed ? sizeof(ulong) / median : median, ratio, spread);
    }

    /// <summary>
    /// Runs everything until the JIT has done with it: it compiles methods anew in the background, twice, when they have run often enough and it had
    /// nothing else to do for a tenth of a second.
    /// </summary>
    private void WarmUp(int count, Func<int, Action> prepare)
    {
        if (rounds == 1)
            return; // who asks for one round wants to see that it works, not figures
        double[] best = new double[count];
        Array.Fill(best, double.MaxValue);
        int unchanged = 0;
        for (int phase = 0; phase < 24 && (phase < 10 || unchanged < 3); phase++)
        {
            bool changed = false;
            for (int index = 0; index < count; index++)
            {
                double time = Fastest(prepare(index));
                changed |= time < best[index] * 0.9;
                best[index] = Math.Min(best[index], time);
            }

            unchanged = changed ? 0 : unchanged + 1;
            Thread.Sleep(150);
        }
    }

    private static double Fastest(Action run)
    {
        double best = double.MaxValue;
        double start = ThreadClock.Now;
        double before = start;
        for (int i = 0; i < 35 && before < start + 20e6; i++)
        {
            run();
            double now = ThreadClock.Now;
            best = Math.Min(best, now - before);
            before = now;
        }

        return best;
    }

    /// <summary>Nanoseconds of one run. The clock is read once for many: reading it costs more than a run over a small buffer.</summary>
    private double Time(Action run)
    {
        double start = ThreadClock.Now;
        run();
        double one = Math.Max(ThreadClock.Now - start, 1);
        int runs = (int)Math.Clamp(roundTime / one * 2, 1, 1_000_000);
        start = ThreadClock.Now;
        for (int i = 0; i < runs; i++)
            run();
        return (ThreadClock.Now - start) / runs;
    }

    private void MeasureMatrix()
    {
        Fill(results[0].Subject, Matrix, bulk: true); // any words will do to warm up
        WarmUp(results.Length * results.Length, pair => () =>
        {
            results[pair / results.Length].Subject.TranscodeTo(results[pair % results.Length].Subject, words.AsSpan(0, 1024), target);
        });
        foreach (EncodingResult from in results)
        {
            Fill(from.Subject, Matrix, bulk: true);
            foreach (EncodingResult to in results)
            {
                bool fits = true;
                double best = double.MaxValue;
                for (int round = 0; round < Math.Min(rounds, 3); round++)
                    best = Math.Min(best, Time(() => { fits = from.Subject.TranscodeTo(to.Subject, words.AsSpan(0, Matrix), target); }));
                from.Transcoding[to.Subject.Name] = (fits ? 1 : -1) * Matrix * sizeof(ulong) / best;
            }
        }
    }

    private void CountBranchMisses()
    {
        using BranchMisses? counter = BranchMisses.TryOpen();
        if (counter is null)
            return;
        foreach (EncodingResult result in results)
        {
            Fill(result.Subject, Scalar, bulk: false);
            result.Subject.DecodeBranching(words.AsSpan(0, Scalar));
            ulong before = counter.Count;
            result.Subject.DecodeBranching(words.AsSpan(0, Scalar));
            result.BranchMisses = (counter.Count - before) / (double)Scalar;
        }
    }
}
