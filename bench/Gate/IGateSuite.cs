namespace PageTableEmu.Bench.Gate;

/// <summary>Rows that share what they are measured on.</summary>
internal interface IGateSuite : IDisposable
{
    /// <summary>The rows. What they need is set up when they are asked for.</summary>
    IEnumerable<GateRow> Rows();
}
