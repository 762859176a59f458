using PageTableEmu.Paging;
using PageTableEmu.Replay.Traces;
using PageTableEmu.Tags;

namespace PageTableEmu.Replay.Machines;

/// <summary>
/// As <see cref="ReplayMachines{TArch}"/>, with tags on: mappings check them, every store tags its page, every access carries the tag, and the
/// machine's verification finds each page whose tags are not what its content asks for.
/// </summary>
/// <typeparam name="TArch">The architecture with its provider.</typeparam>
/// <typeparam name="TFormat">The shape of its tags.</typeparam>
/// <example>
/// <code>
/// using PageTableEmu.Replay;
///
/// IReplayMachineFactory machines = new TaggedReplayMachines&lt;Arm64FourLevel&lt;MteFrameSlot&gt;, MteFormat&gt;();
/// IReadOnlyList&lt;ScriptOperation&gt; script = ScriptParser.Parse(new[] { "map A 3", "write A 0 7", "reclaim", "read A 0" });
/// if (machines.Lacks(script) is null)
/// {
///     using IReplayMachine emulated = machines.Create(Backend.Zram);
///     foreach (ScriptOperation operation in script)
///     {
///         OperationOutcome outcome = emulated.Execute(operation);
///         Console.WriteLine($"{operation.Text}: {outcome.Result}, {outcome.MajorFaults} pages came back from swap");
///         foreach (string violation in emulated.Verify())
///             Console.WriteLine(violation); // none: their tags came back too
///     }
/// }
/// </code>
/// </example>
public sealed class TaggedReplayMachines<TArch, TFormat> : IReplayMachineFactory
    where TArch : struct, IArchitecture
    where TFormat : struct, ITagFormat
{
    private readonly ReplayMachines<TArch> plain = new();

    /// <inheritdoc/>
    public bool MinorFaultsAreComparable => plain.MinorFaultsAreComparable;

    /// <inheritdoc/>
    public IReplayMachine Create(Backend backend) => Create(backend, @unchecked: 0);

    /// <inheritdoc/>
    public IReplayMachine Create(Backend backend, IReadOnlyList<ScriptOperation> script) =>
        Create(backend, TFormat.NeverMergesTagged ? MappingChecks<TArch>.MergedRegions(script) : 0);

    /// <inheritdoc/>
    public string? Lacks(IReadOnlyList<ScriptOperation> script) => plain.Lacks(script);

    /// <inheritdoc/>
    public string? Omits(Trace recording)
    {
        ArgumentNullException.ThrowIfNull(recording);
        return TFormat.NeverMergesTagged && ZeroPagesOfSplits.Any(recording)
            ? $"{TArch.Name} does not put the zero page in the place of a page with tags when it splits a huge page"
            : null;
    }

    private static ReplayMachine<TArch> Create(Backend backend, uint @unchecked) =>
        new(backend, static mm => new ContentTags<TArch, TFormat>(mm), @unchecked);
}
