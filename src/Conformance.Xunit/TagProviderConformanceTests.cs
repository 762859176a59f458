using PageTableEmu.Paging;
using Xunit;

namespace PageTableEmu.Conformance.Xunit;

/// <summary>
/// Every law of tag providers as a test of its own. Derive a public class without a body:
/// <code>public sealed class MyTagsConformance : TagProviderConformanceTests&lt;MyArch&gt;;</code>
/// </summary>
/// <typeparam name="TArch">The architecture with its provider.</typeparam>
/// <example>
/// <code>
/// public sealed class MyTagsConformanceTests : TagProviderConformanceTests&lt;Arm64FourLevel&lt;MteFrameSlot&gt;&gt;;
/// </code>
/// </example>
public abstract class TagProviderConformanceTests<TArch>
    where TArch : struct, IArchitecture
{
    private static readonly Lazy<ConformanceReport> Report = new(TagProviderConformance.Run<TArch>);

    /// <summary>The names of the laws.</summary>
    public static TheoryData<string> Laws => [.. Report.Value.Results.Select(result => result.Law)];

    /// <summary>A law holds.</summary>
    /// <param name="law">Its name.</param>
    [Theory]
    [MemberData(nameof(Laws))]
    public void Holds(string law)
    {
        LawResult result = Report.Value.Results.Single(result => result.Law == law);
        Assert.True(result.Outcome == LawOutcome.Passed, result.ToString());
    }
}
